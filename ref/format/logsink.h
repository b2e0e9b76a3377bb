/* SPDX-License-Identifier: MIT */
/* logsink - for tests: a sink that keeps what it is told, as text and as tables. */
#ifndef LP_LOGSINK_H
#define LP_LOGSINK_H

#include "format/format.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define LOG_MAX ((size_t)64 << 20)

struct log_chunk {
	struct lp_chunk c;
	struct lp_digest d;
};

struct logsink {
	struct lp_sink sink;
	struct lp_buf entries;		/* a line each */
	struct lp_buf prefetch;		/* "OFF+BYTES " each */
	struct lp_buf frame;		/* of struct lp_frame */
	struct lp_buf window;		/* of those frames that have one */
	struct lp_buf chunk;		/* of struct log_chunk */
	struct lp_buf device;		/* bodies, in their place */
	struct lp_extent extent;	/* of the last entry */
	uint64_t told;			/* of its body */
	struct lp_digest diffid;
	uint64_t device_bytes;
	size_t nentry;
	bool ended;
};

static inline void log_free(struct logsink *s)
{
	lp_buf_free(&s->entries);
	lp_buf_free(&s->prefetch);
	lp_buf_free(&s->frame);
	lp_buf_free(&s->window);
	lp_buf_free(&s->chunk);
	lp_buf_free(&s->device);
	memset(s, 0, sizeof(*s));
}

static inline enum lp_code log_device(struct lp_sink *sink, uint32_t number, size_t blob,
				      uint64_t bytes, struct lp_err *err)
{
	(void)err;
	((struct logsink *)(void *)sink)->device_bytes = bytes;
	return number == 1 && blob ? LP_OK
				   : lp_fail(err, LP_EUSAGE, LP_NO_OFFSET, NULL, "device %u", number);
}

static inline enum lp_code log_frame(struct lp_sink *sink, const struct lp_frame *f,
				     const uint8_t *window, uint32_t *index, struct lp_err *err)
{
	struct logsink *s = (struct logsink *)(void *)sink;

	if (window && lp_buf_add(&s->window, window, LP_WINDOW_BYTES, LOG_MAX, err))
		return err->code;
	*index = (uint32_t)(s->frame.len / sizeof(*f));
	return lp_buf_add(&s->frame, f, sizeof(*f), LOG_MAX, err);
}

static inline enum lp_code log_chunk(struct lp_sink *sink, const struct lp_chunk *c,
				     const struct lp_digest *d, struct lp_err *err)
{
	struct logsink *s = (struct logsink *)(void *)sink;
	struct log_chunk both = {*c, *d};

	return lp_buf_add(&s->chunk, &both, sizeof(both), LOG_MAX, err);
}

static inline enum lp_code log_entry(struct lp_sink *sink, const struct lp_entry *e,
				     struct lp_err *err)
{
	struct logsink *s = (struct logsink *)(void *)sink;
	char line[2 * LP_PATH_MAX + 400];
	int n;

	n = snprintf(line, sizeof(line), "%s|%d|%o|%u:%u|%" PRIu64 "|%" PRId64 ".%09u|%u:%u|%s|",
		     e->path, e->kind, e->mode, e->uid, e->gid, e->size, e->mtime, e->mtime_ns,
		     e->major, e->minor, e->link ? e->link : "");
	for (size_t i = 0; i < e->nxattr && n < (int)sizeof(line); i++)
		n += snprintf(line + n, sizeof(line) - (size_t)n, "%s=%zu,", e->xattr[i].name,
			      e->xattr[i].bytes);
	if (n < (int)sizeof(line) && e->nextent)
		n += snprintf(line + n, sizeof(line) - (size_t)n, "@%" PRIu64,
			      e->extent->device_off);
	s->nentry++;
	s->told = 0;
	s->extent = e->nextent ? *e->extent : (struct lp_extent){0};
	if (lp_buf_add(&s->entries, line, strlen(line), LOG_MAX, err))
		return err->code;
	return lp_buf_add(&s->entries, "\n", 1, LOG_MAX, err);
}

/* Put @n bytes at @off of the device. */
static inline enum lp_code log_place(struct logsink *s, uint64_t off, const void *p, size_t n,
				     struct lp_err *err)
{
	if (off > LOG_MAX || n > LOG_MAX - off)
		return lp_fail(err, LP_ELIMIT, off, NULL, "more than this test keeps");
	if (off + n > s->device.len) {
		size_t more = (size_t)off + n - s->device.len;

		if (lp_buf_reserve(&s->device, more, LOG_MAX, err))
			return err->code;
		memset(s->device.p + s->device.len, 0, more);
		s->device.len += more;
	}
	memcpy(s->device.p + off, p, n);
	return LP_OK;
}

static inline enum lp_code log_body(struct lp_sink *sink, const void *p, size_t n,
				    struct lp_err *err)
{
	struct logsink *s = (struct logsink *)(void *)sink;
	uint64_t off = s->extent.device_off + s->told;

	s->told += n;
	return log_place(s, off, p, n, err);
}

static inline enum lp_code log_prefetch(struct lp_sink *sink, uint32_t device, uint64_t off,
					uint64_t bytes, struct lp_err *err)
{
	struct logsink *s = (struct logsink *)(void *)sink;
	char text[64];

	(void)device; /* of layers, and of images with one blob */
	snprintf(text, sizeof(text), "%" PRIu64 "+%" PRIu64 " ", off, bytes);
	return lp_buf_add(&s->prefetch, text, strlen(text), LOG_MAX, err);
}

static inline enum lp_code log_diffid(struct lp_sink *sink, const struct lp_digest *d,
				      struct lp_err *err)
{
	(void)err;
	((struct logsink *)(void *)sink)->diffid = *d;
	return LP_OK;
}

static inline enum lp_code log_end(struct lp_sink *sink, uint64_t device_bytes,
				   struct lp_err *err)
{
	struct logsink *s = (struct logsink *)(void *)sink;

	s->device_bytes = device_bytes ? device_bytes : s->device_bytes;
	s->ended = true;
	if (lp_buf_add(&s->entries, "", 1, LOG_MAX, err) ||
	    lp_buf_add(&s->prefetch, "", 1, LOG_MAX, err))
		return err->code;
	return LP_OK;
}

static inline void log_open(struct logsink *s)
{
	memset(s, 0, sizeof(*s));
	s->sink = (struct lp_sink){
		.device = log_device,
		.frame = log_frame,
		.chunk = log_chunk,
		.entry = log_entry,
		.body = log_body,
		.prefetch = log_prefetch,
		.diffid = log_diffid,
		.end_tree = log_end,
	};
}

/* Fetch, decode and verify every chunk that was told, and put it in its place. */
static inline enum lp_code log_load(struct logsink *s, const uint8_t *blob, size_t n,
				    struct lp_err *err)
{
	const struct lp_frame *frame = (const struct lp_frame *)(const void *)s->frame.p;
	const struct log_chunk *c = (const struct log_chunk *)(const void *)s->chunk.p;
	LP_AUTO(lp_buf_free) struct lp_buf plain = {0};
	struct lp_digest got;

	for (size_t i = 0; i < s->chunk.len / sizeof(*c); i++) {
		const struct lp_frame *f = &frame[c[i].c.frame];
		const uint8_t *p;

		plain.len = 0;
		if (f->off > n || f->stored_bytes > n - f->off)
			return lp_fail(err, LP_EFORMAT, f->off, NULL, "a frame behind the blob");
		if (lp_buf_reserve(&plain, f->plain_bytes, LOG_MAX, err) ||
		    lp_codec_number(f->codec)->decode(blob + f->off, f->stored_bytes, plain.p,
						      f->plain_bytes, err))
			return err->code;
		p = plain.p + c[i].c.frame_off;
		lp_digest_of(c[i].d.alg, p, c[i].c.bytes, &got);
		if (lp_digest_check(&got, &c[i].d, f->off, "layer.chunk.digest", "a chunk", err) ||
		    log_place(s, c[i].c.device_off, p, c[i].c.bytes, err))
			return err->code;
	}
	return LP_OK;
}

static inline int log_by_text(const void *a, const void *b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* Are the entries the same, in any order, wherever their data lies? */
static inline bool log_same_entries(const struct logsink *a, const struct logsink *b)
{
	const struct logsink *side[2] = {a, b};
	char text[2][8192];
	char *line[2][64];
	size_t n[2];

	if (!a->ended || !b->ended)
		return false;
	for (int k = 0; k < 2; k++) {
		snprintf(text[k], sizeof(text[k]), "%s", (const char *)side[k]->entries.p);
		n[k] = 0;
		for (char *p = text[k], *end; (end = strchr(p, '\n')) && n[k] < 64; p = end + 1) {
			*end = '\0';
			p[strcspn(p, "@")] = '\0';
			line[k][n[k]++] = p;
		}
		qsort(line[k], n[k], sizeof(char *), log_by_text);
	}
	for (size_t i = 0; n[0] == n[1] && i < n[0]; i++)
		if (strcmp(line[0][i], line[1][i]) != 0)
			return false;
	return n[0] == n[1];
}

#endif
