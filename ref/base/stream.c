// SPDX-License-Identifier: MIT
#include "base/stream.h"

#include "base/file.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#define COPY_BYTES 65536 /* ours: a pipe's worth */

enum lp_code lp_read_full(struct lp_reader *r, void *p, size_t n, struct lp_err *err)
{
	size_t done = 0, got;

	while (done < n) {
		if (lp_read(r, (uint8_t *)p + done, n - done, &got, err))
			return err->code;
		if (!got)
			return lp_fail(err, LP_ESHORT, done, NULL, "ends after %zu of %zu bytes",
				       done, n);
		done += got;
	}
	return LP_OK;
}

enum lp_code lp_read_rest(struct lp_reader *r, uint64_t *dropped, struct lp_err *err)
{
	uint8_t buf[COPY_BYTES];
	uint64_t sum = 0;
	size_t got;

	do {
		if (lp_read(r, buf, sizeof(buf), &got, err))
			return err->code;
		sum += got;
	} while (got);
	if (dropped)
		*dropped = sum;
	return LP_OK;
}

enum lp_code lp_copy(struct lp_reader *r, struct lp_writer *w, uint64_t n, struct lp_err *err)
{
	uint8_t buf[COPY_BYTES];
	uint64_t left = n;
	size_t got;

	while (left) {
		if (lp_read(r, buf, left < sizeof(buf) ? (size_t)left : sizeof(buf), &got, err))
			return err->code;
		if (!got)
			return lp_fail(err, LP_ESHORT, n - left, NULL,
				       "ends after %llu of %llu bytes",
				       (unsigned long long)(n - left), (unsigned long long)n);
		if (lp_write(w, buf, got, err))
			return err->code;
		left -= got;
	}
	return LP_OK;
}

static enum lp_code hash_read(struct lp_reader *r, void *p, size_t n, size_t *got,
			      struct lp_err *err)
{
	struct lp_hash_reader *h = (struct lp_hash_reader *)r;

	if (lp_read(h->from, p, n, got, err))
		return err->code;
	lp_hash_add(&h->hash, p, *got);
	h->bytes += *got;
	return LP_OK;
}

enum lp_code lp_hash_reader_open(struct lp_hash_reader *h, struct lp_reader *from,
				 enum lp_alg alg, struct lp_err *err)
{
	*h = (struct lp_hash_reader){.reader = {hash_read}, .from = from};
	return lp_hash_begin(&h->hash, alg, err);
}

void lp_hash_reader_free(struct lp_hash_reader *h)
{
	lp_hash_free(&h->hash);
}

static enum lp_code hash_write(struct lp_writer *w, const void *p, size_t n, struct lp_err *err)
{
	struct lp_hash_writer *h = (struct lp_hash_writer *)w;

	if (h->to && lp_write(h->to, p, n, err))
		return err->code;
	lp_hash_add(&h->hash, p, n);
	h->bytes += n;
	return LP_OK;
}

enum lp_code lp_hash_writer_open(struct lp_hash_writer *h, struct lp_writer *to,
				 enum lp_alg alg, struct lp_err *err)
{
	*h = (struct lp_hash_writer){.writer = {hash_write}, .to = to};
	return lp_hash_begin(&h->hash, alg, err);
}

void lp_hash_writer_free(struct lp_hash_writer *h)
{
	lp_hash_free(&h->hash);
}

static enum lp_code mem_read(struct lp_reader *r, void *p, size_t n, size_t *got,
			     struct lp_err *err)
{
	struct lp_mem_reader *m = (struct lp_mem_reader *)r;

	(void)err;
	*got = n < m->left ? n : m->left;
	if (*got)
		memcpy(p, m->p, *got);
	m->p += *got;
	m->left -= *got;
	return LP_OK;
}

void lp_mem_reader_open(struct lp_mem_reader *m, const void *p, size_t n)
{
	*m = (struct lp_mem_reader){.reader = {mem_read}, .p = p, .left = n};
}

static enum lp_code fd_read(struct lp_reader *r, void *p, size_t n, size_t *got,
			    struct lp_err *err)
{
	struct lp_fd_reader *f = (struct lp_fd_reader *)r;
	ssize_t rc;

	do
		rc = read(f->fd, p, n);
	while (rc < 0 && errno == EINTR);
	if (rc < 0)
		return lp_fail_errno(err, "read");
	*got = (size_t)rc;
	return LP_OK;
}

void lp_fd_reader_open(struct lp_fd_reader *f, int fd)
{
	*f = (struct lp_fd_reader){.reader = {fd_read}, .fd = fd};
}

static enum lp_code fd_write(struct lp_writer *w, const void *p, size_t n, struct lp_err *err)
{
	return lp_file_write(((struct lp_fd_writer *)w)->fd, p, n, err);
}

void lp_fd_writer_open(struct lp_fd_writer *f, int fd)
{
	*f = (struct lp_fd_writer){.writer = {fd_write}, .fd = fd};
}

enum lp_code lp_buf_writer_write(struct lp_writer *w, const void *p, size_t n, struct lp_err *err)
{
	struct lp_buf_writer *b = (struct lp_buf_writer *)w;

	return lp_buf_add(&b->buf, p, n, b->most, err);
}

void lp_buf_writer_free(struct lp_buf_writer *b)
{
	lp_buf_free(&b->buf);
}

enum lp_code lp_part_pass(struct lp_part *part, const void *p, size_t n, struct lp_writer *to,
			  struct lp_err *err)
{
	uint64_t from = part->off > part->at ? part->off - part->at : 0;
	uint64_t end = part->end > part->at ? part->end - part->at : 0;

	part->at += n;
	end = end < n ? end : n;
	return from < end ? lp_write(to, (const uint8_t *)p + from, (size_t)(end - from), err)
			  : LP_OK;
}
