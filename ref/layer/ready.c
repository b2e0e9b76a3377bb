// SPDX-License-Identifier: MIT
#include "layer/ready.h"

#include "base/cursor.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#define READY_MAGIC "LPREADY1"
#define LIVE_MAGIC "LPLIVE01"
#define HEADER_BYTES 64
#define SUM_BYTES 32

/* Of both files, as it lies there; bits follow, and behind those of ready a SHA-256 of all. */
struct header {
	char magic[8];
	uint32_t nchunk;
	uint8_t reserved[4];
	uint8_t made[16];
	uint8_t table[32];
} __attribute__((packed));

_Static_assert(sizeof(struct header) == HEADER_BYTES, "ready: a header of 64 bytes");

static void set_header(struct header *h, const char *magic, const struct lp_ready_id *id)
{
	*h = (struct header){.nchunk = id->nchunk};
	memcpy(h->magic, magic, sizeof(h->magic));
	memcpy(h->made, id->made, sizeof(h->made));
	memcpy(h->table, id->table, sizeof(h->table));
}

/* Is the header at @p of this device?  Sets id->made where @made is asked for. */
static bool fits(const uint8_t *p, const char *magic, struct lp_ready_id *id, bool made)
{
	struct lp_cursor c = {.p = p, .left = HEADER_BYTES};
	const uint8_t *its_made, *its_table;
	uint32_t nchunk;

	if (!lp_is(&c, magic))
		return false;
	nchunk = lp_le32(&c);
	lp_take(&c, 4);
	its_made = lp_take(&c, sizeof(id->made));
	its_table = lp_take(&c, sizeof(id->table));
	if (nchunk != id->nchunk || memcmp(its_table, id->table, sizeof(id->table)))
		return false;
	if (made)
		memcpy(id->made, its_made, sizeof(id->made));
	return !memcmp(id->made, its_made, sizeof(id->made));
}

enum lp_code lp_ready_make(struct lp_ready_id *id, const struct lp_table *t, struct lp_err *err)
{
	*id = (struct lp_ready_id){.nchunk = t->layer.nchunk};
	memcpy(id->table, t->digest.b, sizeof(id->table));
	if (getrandom(id->made, sizeof(id->made), 0) != (ssize_t)sizeof(id->made))
		return lp_fail_errno(err, "random bytes");
	return LP_OK;
}

enum lp_code lp_ready_save(int dir, const struct lp_ready_id *id, const uint64_t *words,
			   bool sync, struct lp_err *err)
{
	size_t bits = lp_ready_words(id->nchunk) * sizeof(*words);
	size_t bytes = HEADER_BYTES + bits + SUM_BYTES;
	LP_AUTO(lp_buf_free) struct lp_buf b = {0};
	struct lp_digest sum;
	struct header h;

	set_header(&h, READY_MAGIC, id);
	if (lp_buf_add(&b, &h, sizeof(h), bytes, err) || lp_buf_add(&b, words, bits, bytes, err))
		return err->code;
	lp_digest_of(LP_SHA256, b.p, b.len, &sum);
	if (lp_buf_add(&b, sum.b, SUM_BYTES, bytes, err) ||
	    (sync ? lp_file_save(dir, "ready", b.p, b.len, err)
		  : lp_file_put(dir, "ready", b.p, b.len, err)))
		return err->code;
	return LP_OK;
}

enum lp_code lp_ready_load(int dir, struct lp_ready_id *id, uint64_t *words, struct lp_err *err)
{
	size_t bits = lp_ready_words(id->nchunk) * sizeof(*words);
	size_t body = HEADER_BYTES + bits;
	LP_AUTO(lp_buf_free) struct lp_buf b = {0};
	struct lp_digest sum;

	if (lp_file_load(dir, "ready", body + SUM_BYTES, &b, err))
		return err->code == LP_ELIMIT ? (err->code = LP_EMISSING) : err->code;
	if (b.len == body + SUM_BYTES) {
		lp_digest_of(LP_SHA256, b.p, body, &sum);
		if (!memcmp(sum.b, b.p + body, SUM_BYTES) && fits(b.p, READY_MAGIC, id, true)) {
			memcpy(words, b.p + HEADER_BYTES, bits);
			return LP_OK;
		}
	}
	return lp_fail(err, LP_EMISSING, LP_NO_OFFSET, NULL, "the ready file is torn");
}

enum lp_code lp_ready_lock(int dir, int *lock, struct lp_err *err)
{
	int rc;

	/* A descriptor of its own, so that threads of one process wait for each other too. */
	*lock = openat(dir, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (*lock < 0)
		return lp_fail_errno(err, "open a device to lock it");
	do
		rc = flock(*lock, LOCK_EX);
	while (rc && errno == EINTR);
	if (rc) {
		lp_fail_errno(err, "lock a device");
		lp_fd_close(lock);
		return err->code;
	}
	return LP_OK;
}

static void set_path(char path[static 512], const struct lp_store *s, const char *name,
		     const char *end)
{
	const char *slash = strrchr(name, '/');

	snprintf(path, 512, "%s/live.%s.%s%s", s->run, s->boot, slash ? slash + 1 : name, end);
}

/* The file as it must be: our header, room for all words. */
static bool usable(int fd, struct lp_ready_id *id)
{
	uint8_t header[HEADER_BYTES];
	uint64_t bytes = 0;
	struct lp_err ignored;

	return !lp_file_bytes(fd, &bytes, &ignored) &&
	       bytes == HEADER_BYTES + lp_ready_words(id->nchunk) * sizeof(uint64_t) &&
	       !lp_file_pread(fd, 0, header, sizeof(header), &ignored) &&
	       fits(header, LIVE_MAGIC, id, false);
}

/* Make @path from @words under another name, rename it: nobody maps half of it. */
static enum lp_code make_live(const char *path, const char *tmp, const struct lp_ready_id *id,
			      const uint64_t *words, int *out, struct lp_err *err)
{
	LP_AUTO(lp_fd_close) int fd = open(tmp, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	struct header h;

	set_header(&h, LIVE_MAGIC, id);
	if (fd < 0)
		return lp_fail_errno(err, "create %s", tmp);
	if (lp_file_write(fd, &h, sizeof(h), err) ||
	    lp_file_write(fd, words, lp_ready_words(id->nchunk) * sizeof(*words), err))
		return lp_within(err, "%s", tmp);
	if (rename(tmp, path))
		return lp_fail_errno(err, "rename %s", tmp);
	*out = fd;
	fd = -1;
	return LP_OK;
}

/* The persistent bits; without a file that is whole, none, and a new file that says so. */
static enum lp_code load_or_make(int dir, struct lp_ready_id *id, uint64_t *words,
				 struct lp_err *err)
{
	enum lp_code code = lp_ready_load(dir, id, words, err);

	if (code != LP_EMISSING)
		return code;
	if (getrandom(id->made, sizeof(id->made), 0) != (ssize_t)sizeof(id->made))
		return lp_fail_errno(err, "random bytes");
	memset(words, 0, lp_ready_words(id->nchunk) * sizeof(*words));
	return lp_ready_save(dir, id, words, true, err);
}

enum lp_code lp_live_open(struct lp_live *l, struct lp_store *s, const char *name, int dir,
			  struct lp_ready_id *id, struct lp_err *err)
{
	size_t bits = lp_ready_words(id->nchunk) * sizeof(uint64_t);
	LP_AUTO(lp_buf_free) struct lp_buf words = {0};
	LP_AUTO(lp_fd_close) int lock = -1, fd = -1;
	char path[512], tmp[512];
	void *map;

	*l = (struct lp_live){0};
	set_path(path, s, name, "");
	set_path(tmp, s, name, ".tmp");
	if (lp_ready_lock(dir, &lock, err) || lp_buf_reserve(&words, bits, bits, err) ||
	    load_or_make(dir, id, (uint64_t *)(void *)words.p, err))
		return err->code;
	fd = open(path, O_RDWR | O_CLOEXEC);
	if (fd >= 0 && !usable(fd, id))
		lp_fd_close(&fd);
	if (fd < 0 && make_live(path, tmp, id, (uint64_t *)(void *)words.p, &fd, err))
		return err->code;
	map = mmap(NULL, HEADER_BYTES + bits, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (map == MAP_FAILED)
		return lp_fail_errno(err, "map %s", path);
	*l = (struct lp_live){.map = map, .bytes = HEADER_BYTES + bits,
			      .word = (void *)((uint8_t *)map + HEADER_BYTES)};
	return LP_OK;
}

void lp_live_free(struct lp_live *l)
{
	if (l->map)
		munmap(l->map, l->bytes);
	*l = (struct lp_live){0};
}

void lp_live_remove(struct lp_store *s, const char *name)
{
	char path[512];

	set_path(path, s, name, "");
	unlink(path);
}
