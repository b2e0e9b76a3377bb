// SPDX-License-Identifier: MIT
#include "tree/spool.h"

#include "base/file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define RULE_ENTRIES "tree.limit.entries"
#define RULE_MEMORY "tree.limit.spool"

/* design.md, "Limits": memory of any command */
#define RECORD_BYTES ((size_t)64 << 20)
#define RECORD_BYTES_EACH 256

/* The start of a record; path, link, and each xattr's name and value follow. */
struct head {
	uint64_t body, size;
	int64_t mtime;
	uint32_t mtime_ns, mode, uid, gid, major, minor;
	uint32_t path_bytes, link_bytes;	/* with their NULs; link_bytes 0: none */
	uint32_t nxattr;
	uint32_t kind;
};

/* Before each xattr. */
struct xattr_head {
	uint32_t name_bytes;	/* with the NUL */
	uint32_t bytes;
};

enum lp_code lp_spool_open(struct lp_spool *s, int dir, struct lp_err *err)
{
	char name[40];

	*s = (struct lp_spool){.fd = openat(dir, ".", O_TMPFILE | O_RDWR | O_CLOEXEC, 0600)};
	if (s->fd < 0 && (errno == EOPNOTSUPP || errno == EISDIR || errno == ENOENT)) {
		/* Not every file system has nameless files. */
		snprintf(name, sizeof(name), ".spool.%ld", (long)gettid());
		s->fd = openat(dir, name, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
		if (s->fd >= 0)
			unlinkat(dir, name, 0);
	}
	if (s->fd < 0)
		return lp_fail_errno(err, "make a temporary file");
	return LP_OK;
}

void lp_spool_free(struct lp_spool *s)
{
	/* In {0} it is standard input, which is not ours. */
	if (s->fd > 0)
		lp_fd_close(&s->fd);
	lp_buf_free(&s->record);
	lp_buf_free(&s->index);
	*s = (struct lp_spool){.fd = -1};
}

static enum lp_code add(struct lp_spool *s, const void *p, size_t n, struct lp_err *err)
{
	if (n > RECORD_BYTES || s->record.len + n > RECORD_BYTES + s->count * RECORD_BYTES_EACH)
		return lp_fail(err, LP_ELIMIT, LP_NO_OFFSET, RULE_MEMORY,
			       "%zu entries need more than %zu bytes of memory", s->count,
			       s->record.len);
	return lp_buf_add(&s->record, p, n, SIZE_MAX, err);
}

static enum lp_code add_record(struct lp_spool *s, const struct lp_entry *e, struct lp_err *err)
{
	struct head h = {
		.body = s->body_bytes, .size = e->size, .mtime = e->mtime,
		.mtime_ns = e->mtime_ns, .mode = e->mode, .uid = e->uid, .gid = e->gid,
		.major = e->major, .minor = e->minor, .kind = e->kind,
		.path_bytes = (uint32_t)strlen(e->path) + 1,
		.link_bytes = e->link ? (uint32_t)strlen(e->link) + 1 : 0,
		.nxattr = (uint32_t)e->nxattr,
	};

	if (add(s, &h, sizeof(h), err) || add(s, e->path, h.path_bytes, err) ||
	    add(s, e->link, h.link_bytes, err))
		return err->code;
	for (size_t i = 0; i < e->nxattr; i++) {
		struct xattr_head x = {
			.name_bytes = (uint32_t)strlen(e->xattr[i].name) + 1,
			.bytes = (uint32_t)e->xattr[i].bytes,
		};

		if (add(s, &x, sizeof(x), err) || add(s, e->xattr[i].name, x.name_bytes, err) ||
		    add(s, e->xattr[i].value, x.bytes, err))
			return err->code;
	}
	return LP_OK;
}

enum lp_code lp_spool_add(struct lp_spool *s, const struct lp_entry *e, struct lp_err *err)
{
	uint64_t at = s->record.len;

	if (s->body_left)
		return lp_fail(err, LP_EUSAGE, LP_NO_OFFSET, NULL,
			       "%s: the body before it lacks %llu bytes", e->path,
			       (unsigned long long)s->body_left);
	if (s->count == LP_ENTRIES_MAX || e->nxattr > LP_SPOOL_XATTRS)
		return lp_fail(err, LP_ELIMIT, LP_NO_OFFSET, RULE_ENTRIES,
			       "more than %u entries, or %d xattrs of one", LP_ENTRIES_MAX,
			       LP_SPOOL_XATTRS);
	if (add_record(s, e, err) || lp_buf_add(&s->index, &at, sizeof(at), SIZE_MAX, err)) {
		s->record.len = (size_t)at;
		return err->code;
	}
	s->count++;
	if (e->kind == LP_ENTRY_NODE && S_ISREG(e->mode))
		s->body_left = e->size;
	return LP_OK;
}

enum lp_code lp_spool_body(struct lp_spool *s, const void *p, size_t n, struct lp_err *err)
{
	if (n > s->body_left)
		return lp_fail(err, LP_EUSAGE, LP_NO_OFFSET, NULL,
			       "%zu bytes for a body that lacks %llu", n,
			       (unsigned long long)s->body_left);
	if (lp_file_pwrite(s->fd, s->body_bytes, p, n, err))
		return err->code;
	s->body_bytes += n;
	s->body_left -= n;
	return LP_OK;
}

void lp_spool_entry(const struct lp_spool *s, size_t i, struct lp_entry *e,
		    struct lp_xattr xattr[static LP_SPOOL_XATTRS], uint64_t *body)
{
	struct xattr_head x;
	const uint8_t *p;
	struct head h;
	uint64_t at;

	memcpy(&at, s->index.p + i * sizeof(at), sizeof(at));
	p = s->record.p + at;
	memcpy(&h, p, sizeof(h));
	p += sizeof(h);
	*body = h.body;
	*e = (struct lp_entry){
		.kind = (enum lp_entry_kind)h.kind, .path = (const char *)p,
		.link = h.link_bytes ? (const char *)p + h.path_bytes : NULL, .mode = h.mode,
		.uid = h.uid, .gid = h.gid, .major = h.major, .minor = h.minor, .size = h.size,
		.mtime = h.mtime, .mtime_ns = h.mtime_ns, .xattr = xattr, .nxattr = h.nxattr,
	};
	p += h.path_bytes + h.link_bytes;
	for (size_t k = 0; k < h.nxattr; k++) {
		memcpy(&x, p, sizeof(x));
		p += sizeof(x);
		xattr[k] = (struct lp_xattr){
			.name = (const char *)p, .value = p + x.name_bytes, .bytes = x.bytes,
		};
		p += x.name_bytes + x.bytes;
	}
}

enum lp_code lp_spool_read(const struct lp_spool *s, uint64_t off, void *p, size_t n,
			   struct lp_err *err)
{
	return lp_file_pread(s->fd, off, p, n, err);
}
