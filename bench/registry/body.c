// SPDX-License-Identifier: MIT
#include "registry/body.h"

#include "base/file.h"

#include <microhttpd.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define PIECES (2 * LB_RANGES_MAX + 1)	/* each range has text before it, and text ends it */
#define PIECE_TEXT 512
#define BLOCK_BYTES (64 * 1024)		/* what the library asks for at once */

struct piece {
	uint64_t at, bytes;	/* in the body */
	bool text;
	uint64_t off;		/* in the file, or in the text */
};

struct lb_body {
	int fd;
	struct lb_faults faults;
	struct piece piece[PIECES];
	size_t n, now;		/* now: the one that was read last */
	uint64_t bytes;
	bool stalled;
	struct lp_buf text;
};

void lb_faults_corrupt(const struct lb_faults *f, uint64_t off, void *p, size_t n)
{
	for (size_t i = 0; i < f->ncorrupt; i++) {
		const struct lb_corrupt *c = &f->corrupt[i];

		if (lp_digest_equal(&c->digest, &f->digest) && c->off >= off && c->off - off < n)
			((uint8_t *)p)[c->off - off] ^= 1;
	}
	if (f->sent)
		lb_sent_spoil(f->sent, f->blob, off, p, n);
}

enum lp_code lb_body_open(struct lb_body **out, int fd, const struct lb_faults *f,
			  struct lp_err *err)
{
	struct lb_body *b = calloc(1, sizeof(*b));

	*out = b;
	if (!b) {
		lp_fd_close(&fd);
		return lp_fail_errno(err, "answer");
	}
	b->fd = fd;
	b->faults = *f;
	return LP_OK;
}

void lb_body_free(struct lb_body *b)
{
	if (!b)
		return;
	lp_fd_close(&b->fd);
	lp_buf_free(&b->text);
	free(b);
}

static enum lp_code add(struct lb_body *b, bool text, uint64_t off, uint64_t bytes,
			struct lp_err *err)
{
	if (b->n == PIECES)
		return lp_fail(err, LP_ELIMIT, LP_NO_OFFSET, NULL, "more than %d pieces", PIECES);
	b->piece[b->n++] = (struct piece){b->bytes, bytes, text, off};
	b->bytes += bytes;
	return LP_OK;
}

enum lp_code lb_body_add_file(struct lb_body *b, const struct lb_range *r, struct lp_err *err)
{
	return add(b, false, r->off, r->bytes, err);
}

enum lp_code lb_body_add_text(struct lb_body *b, struct lp_err *err, const char *fmt, ...)
{
	char text[PIECE_TEXT];
	uint64_t off = b->text.len;
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	if (lp_buf_add(&b->text, text, strlen(text), (size_t)PIECES * PIECE_TEXT, err))
		return err->code;
	return add(b, true, off, strlen(text), err);
}

uint64_t lb_body_bytes(const struct lb_body *b)
{
	return b->bytes;
}

static void pause_for(uint64_t ms)
{
	struct timespec t = {.tv_sec = (time_t)(ms / 1000), .tv_nsec = (long)(ms % 1000) * 1000000};

	nanosleep(&t, NULL);
}

/* Sending half and then this: the connection ends, with a reset if that is wanted. */
static ssize_t end_early(const struct lb_body *b)
{
	struct linger now = {.l_onoff = 1, .l_linger = 0};

	if (b->faults.reset)
		setsockopt(b->faults.socket, SOL_SOCKET, SO_LINGER, &now, sizeof(now));
	return MHD_CONTENT_READER_END_WITH_ERROR;
}

static ssize_t read_body(void *cls, uint64_t pos, char *buf, size_t max)
{
	struct lb_body *b = cls;
	uint64_t half = b->bytes / 2;
	struct piece *p;
	ssize_t n;

	while (b->now < b->n && pos - b->piece[b->now].at >= b->piece[b->now].bytes)
		b->now++;
	if (b->now == b->n)
		return MHD_CONTENT_READER_END_OF_STREAM;
	if (b->faults.cut && pos >= half)
		return end_early(b);
	if (b->faults.stall_ms && pos >= half && !b->stalled) {
		b->stalled = true;
		pause_for(b->faults.stall_ms);
	}
	p = &b->piece[b->now];
	if (p->bytes - (pos - p->at) < max)
		max = (size_t)(p->bytes - (pos - p->at));
	/* Stop at the middle once, so that the faults find it. */
	if ((b->faults.cut || b->faults.stall_ms) && pos < half && half - pos < max)
		max = (size_t)(half - pos);
	if (p->text) {
		memcpy(buf, b->text.p + p->off + (pos - p->at), max);
		return (ssize_t)max;
	}
	n = pread(b->fd, buf, max, (off_t)(p->off + (pos - p->at)));
	if (n <= 0)
		return MHD_CONTENT_READER_END_WITH_ERROR;
	lb_faults_corrupt(&b->faults, p->off + (pos - p->at), buf, (size_t)n);
	return n;
}

static void free_body(void *cls)
{
	lb_body_free(cls);
}

struct MHD_Response *lb_body_response(struct lb_body *b)
{
	return MHD_create_response_from_callback(b->bytes, BLOCK_BYTES, read_body, b, free_body);
}
