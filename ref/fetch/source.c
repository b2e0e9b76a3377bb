// SPDX-License-Identifier: MIT
#include "fetch/source.h"

#include "base/file.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

enum lp_code lp_source_read(struct lp_source *s, uint64_t off, void *p, size_t n,
			    struct lp_err *err)
{
	if (off > s->bytes || n > s->bytes - off)
		return lp_fail(err, LP_ESHORT, off, NULL,
			       "bytes %llu and %zu more do not lie in a blob of %llu",
			       (unsigned long long)off, n, (unsigned long long)s->bytes);
	return n ? s->ops->read(s, off, p, n, err) : LP_OK;
}

enum lp_code lp_source_stream(struct lp_source *s, struct lp_reader **out, struct lp_err *err)
{
	return s->ops->stream(s, out, err);
}

void lp_source_free(struct lp_source *s)
{
	if (s->ops)
		s->ops->free(s);
	*s = (struct lp_source){0};
}

struct mem {
	struct lp_mem_reader reader;
	const uint8_t *p;
};

static enum lp_code read_mem(struct lp_source *s, uint64_t off, void *p, size_t n,
			     struct lp_err *err)
{
	(void)err;
	memcpy(p, ((struct mem *)s->state)->p + off, n);
	return LP_OK;
}

static enum lp_code stream_mem(struct lp_source *s, struct lp_reader **out, struct lp_err *err)
{
	struct mem *m = s->state;

	(void)err;
	lp_mem_reader_open(&m->reader, m->p, (size_t)s->bytes);
	*out = &m->reader.reader;
	return LP_OK;
}

static void free_mem(struct lp_source *s)
{
	free(s->state);
}

static const struct lp_source_ops mem_ops = {"mem", read_mem, stream_mem, free_mem};

enum lp_code lp_source_mem(struct lp_source *s, const void *p, size_t n, struct lp_err *err)
{
	struct mem *m = malloc(sizeof(*m));

	*s = (struct lp_source){0};
	if (!m)
		return lp_fail_errno(err, "a source");
	*m = (struct mem){.p = p};
	*s = (struct lp_source){.ops = &mem_ops, .bytes = n, .state = m};
	return LP_OK;
}

struct file {
	struct lp_reader reader;
	int fd;
	uint64_t at;	/* of the stream */
	uint64_t bytes;	/* of the file when it was opened */
};

static enum lp_code read_file(struct lp_source *s, uint64_t off, void *p, size_t n,
			      struct lp_err *err)
{
	return lp_file_pread(((struct file *)s->state)->fd, off, p, n, err);
}

/* A file that has shrunk since fails in lp_file_pread(), one that has grown ends here. */
static enum lp_code read_stream(struct lp_reader *r, void *p, size_t n, size_t *got,
				struct lp_err *err)
{
	struct file *f = (struct file *)r;
	uint64_t left = f->bytes - f->at;

	*got = n < left ? n : (size_t)left;
	if (*got && lp_file_pread(f->fd, f->at, p, *got, err))
		return err->code;
	f->at += *got;
	return LP_OK;
}

static enum lp_code stream_file(struct lp_source *s, struct lp_reader **out, struct lp_err *err)
{
	struct file *f = s->state;

	(void)err;
	f->at = 0;
	*out = &f->reader;
	return LP_OK;
}

static void free_file(struct lp_source *s)
{
	lp_fd_close(&((struct file *)s->state)->fd);
	free(s->state);
}

static const struct lp_source_ops file_ops = {"file", read_file, stream_file, free_file};

enum lp_code lp_source_file(struct lp_source *s, int fd, struct lp_err *err)
{
	LP_AUTO(lp_fd_close) int ours = fd;
	struct file *f;
	struct stat st;

	*s = (struct lp_source){0};
	if (fstat(fd, &st))
		return lp_fail_errno(err, "stat");
	if (!S_ISREG(st.st_mode))
		return lp_fail(err, LP_EUSAGE, LP_NO_OFFSET, NULL, "it is not a regular file");
	f = malloc(sizeof(*f));
	if (!f)
		return lp_fail_errno(err, "a source");
	*f = (struct file){.reader = {read_stream}, .fd = fd, .bytes = (uint64_t)st.st_size};
	*s = (struct lp_source){.ops = &file_ops, .bytes = f->bytes, .state = f};
	ours = -1;
	return LP_OK;
}
