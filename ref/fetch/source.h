/* SPDX-License-Identifier: MIT */
/*
 * source - the stored bytes of one blob, wherever they are.
 *
 * Random access for metadata, one sequential pass for whole layers.  Kinds: memory, a file,
 * a blob of a registry (fetch/registry.h), another process (image/proxy.h).
 * What comes out is hostile until a digest says otherwise.
 */
#ifndef LP_SOURCE_H
#define LP_SOURCE_H

#include "base/buf.h"
#include "base/stream.h"

#include <stdbool.h>

struct lp_source;

struct lp_source_ops {
	const char *name;	/* "mem", "file", "http", "proxy" */
	/* Exactly @n bytes at @off, which lie inside the source. */
	enum lp_code (*read)(struct lp_source *s, uint64_t off, void *p, size_t n,
			     struct lp_err *err);
	/* Begin one pass over all bytes; the reader lives in the source. */
	enum lp_code (*stream)(struct lp_source *s, struct lp_reader **out, struct lp_err *err);
	void (*free)(struct lp_source *s);
};

struct lp_source {
	const struct lp_source_ops *ops;	/* NULL: empty, may be freed */
	uint64_t bytes;		/* length of the blob */
	void *state;		/* the kind's own */
};

/*
 * lp_source_read - bytes [@off, @off + @n) into @p.
 *
 * LP_ESHORT   they do not all lie inside the source
 * LP_ESYSTEM, LP_EREMOTE   the kind failed
 */
LP_MUST_CHECK enum lp_code lp_source_read(struct lp_source *s, uint64_t off, void *p, size_t n,
					  struct lp_err *err);

/*
 * lp_source_stream - all bytes in order.  One stream of a source at a time; a stream that
 * gives more or fewer than s->bytes bytes fails (LP_ESHORT, or LP_EFORMAT for more).
 *
 * @out  borrowed from @s, until lp_source_free() or the next lp_source_stream()
 */
LP_MUST_CHECK enum lp_code lp_source_stream(struct lp_source *s, struct lp_reader **out,
					    struct lp_err *err);
void lp_source_free(struct lp_source *s);

/* @p stays the caller's and must outlive @s. */
LP_MUST_CHECK enum lp_code lp_source_mem(struct lp_source *s, const void *p, size_t n,
					 struct lp_err *err);

/* @fd: a regular file, read with pread; consumed, also on failure. */
LP_MUST_CHECK enum lp_code lp_source_file(struct lp_source *s, int fd, struct lp_err *err);

#endif
