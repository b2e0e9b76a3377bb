/* SPDX-License-Identifier: MIT */
/*
 * stream - bytes in order: a reader to pull them from, a writer to push them into.
 *
 *	blob --reader--> hash --reader--> gunzip --reader--> hash --reader--> tar
 *
 * Both are one function and its object, so that they compose; neither owns anything.
 * The object that implements one embeds it as its first member and is freed by its own
 * lp_<noun>_free().
 */
#ifndef LP_STREAM_H
#define LP_STREAM_H

#include "base/buf.h"
#include "base/digest.h"

struct lp_reader {
	/*
	 * Put 1 to @n bytes at @p and their number in @got; 0 only at the end of the
	 * stream, and then always.  @n is never 0.
	 */
	enum lp_code (*read)(struct lp_reader *r, void *p, size_t n, size_t *got,
			     struct lp_err *err);
};

struct lp_writer {
	/* Take all @n bytes at @p, or fail. */
	enum lp_code (*write)(struct lp_writer *w, const void *p, size_t n, struct lp_err *err);
};

LP_MUST_CHECK static inline enum lp_code lp_read(struct lp_reader *r, void *p, size_t n,
						 size_t *got, struct lp_err *err)
{
	return r->read(r, p, n, got, err);
}

LP_MUST_CHECK static inline enum lp_code lp_write(struct lp_writer *w, const void *p, size_t n,
						  struct lp_err *err)
{
	return w->write(w, p, n, err);
}

/* Exactly @n bytes, or LP_ESHORT with err->at = how many there were. */
LP_MUST_CHECK enum lp_code lp_read_full(struct lp_reader *r, void *p, size_t n,
					struct lp_err *err);

/* Read to the end, dropping the bytes; @dropped (may be NULL) says how many there were. */
LP_MUST_CHECK enum lp_code lp_read_rest(struct lp_reader *r, uint64_t *dropped,
					struct lp_err *err);

/* Copy exactly @n bytes from @r to @w through a small buffer; LP_ESHORT if @r ends before. */
LP_MUST_CHECK enum lp_code lp_copy(struct lp_reader *r, struct lp_writer *w, uint64_t n,
				   struct lp_err *err);

/* Passes through what @from gives, counting it and hashing it.  @from is borrowed. */
struct lp_hash_reader {
	struct lp_reader reader;
	struct lp_reader *from;
	struct lp_hash hash;
	uint64_t bytes;			/* that have passed */
};

LP_MUST_CHECK enum lp_code lp_hash_reader_open(struct lp_hash_reader *h, struct lp_reader *from,
					       enum lp_alg alg, struct lp_err *err);
void lp_hash_reader_free(struct lp_hash_reader *h);

/* The same for a writer.  @to is borrowed, and may be NULL: count and hash only. */
struct lp_hash_writer {
	struct lp_writer writer;
	struct lp_writer *to;
	struct lp_hash hash;
	uint64_t bytes;			/* that have passed */
};

LP_MUST_CHECK enum lp_code lp_hash_writer_open(struct lp_hash_writer *h, struct lp_writer *to,
					       enum lp_alg alg, struct lp_err *err);
void lp_hash_writer_free(struct lp_hash_writer *h);

/* Reads bytes in memory, which stay the caller's. */
struct lp_mem_reader {
	struct lp_reader reader;
	const uint8_t *p;
	size_t left;
};

void lp_mem_reader_open(struct lp_mem_reader *m, const void *p, size_t n);

/* Reads a file descriptor from where it stands, which stays the caller's. */
struct lp_fd_reader {
	struct lp_reader reader;
	int fd;
};

void lp_fd_reader_open(struct lp_fd_reader *f, int fd);

/* Writes to a file descriptor where it stands, which stays the caller's. */
struct lp_fd_writer {
	struct lp_writer writer;
	int fd;
};

void lp_fd_writer_open(struct lp_fd_writer *f, int fd);

/* Keeps at most @most bytes of what is written; errors of lp_buf_add(). */
struct lp_buf_writer {
	struct lp_writer writer;
	struct lp_buf buf;
	size_t most;
};

#define LP_BUF_WRITER(most_bytes) {.writer = {lp_buf_writer_write}, .most = (most_bytes)}

enum lp_code lp_buf_writer_write(struct lp_writer *w, const void *p, size_t n,
				 struct lp_err *err);
void lp_buf_writer_free(struct lp_buf_writer *b);

/* Bytes [off, end) of a stream that passes; @at of it have. */
struct lp_part {
	uint64_t off, end, at;
};

/* The next @n bytes, at @p: those of the part to @to. */
LP_MUST_CHECK enum lp_code lp_part_pass(struct lp_part *part, const void *p, size_t n,
					struct lp_writer *to, struct lp_err *err);

#endif
