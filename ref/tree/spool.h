/* SPDX-License-Identifier: MIT */
/*
 * spool - one layer as entries in memory with their bodies in a file on disk.
 *
 * What a writer of a format gets: it may look at the entries in any order, as often as it
 * wants, from any thread (lp_spool_entry and lp_spool_read are const and re-entrant).
 */
#ifndef LP_SPOOL_H
#define LP_SPOOL_H

#include "base/buf.h"
#include "tree/entry.h"

struct lp_spool {
	struct lp_buf record;	/* the spool's own form of the entries, packed */
	struct lp_buf index;	/* uint64_t offsets into record */
	size_t count;		/* entries */
	uint64_t body_bytes;	/* in the file */
	uint64_t body_left;	/* of the last entry, still to come */
	int fd;			/* unlinked temporary file, or -1 */
};

/* @dir: where the temporary file is made (O_TMPFILE), an open directory; borrowed. */
LP_MUST_CHECK enum lp_code lp_spool_open(struct lp_spool *s, int dir, struct lp_err *err);
void lp_spool_free(struct lp_spool *s);

/* Append a copy of @e (extents dropped); its e->size body bytes follow by lp_spool_body(). */
LP_MUST_CHECK enum lp_code lp_spool_add(struct lp_spool *s, const struct lp_entry *e,
					struct lp_err *err);
LP_MUST_CHECK enum lp_code lp_spool_body(struct lp_spool *s, const void *p, size_t n,
					 struct lp_err *err);

/*
 * Entry @i; strings are borrowed from @s.  @xattr has room for @e->nxattr <= LP_SPOOL_XATTRS.
 * @body  out: offset of its body in the file
 */
#define LP_SPOOL_XATTRS 1024	/* ours: per entry */
void lp_spool_entry(const struct lp_spool *s, size_t i, struct lp_entry *e,
		    struct lp_xattr xattr[static LP_SPOOL_XATTRS], uint64_t *body);

/* Exactly @n bytes at @off of the body file. */
LP_MUST_CHECK enum lp_code lp_spool_read(const struct lp_spool *s, uint64_t off, void *p, size_t n,
					 struct lp_err *err);

#endif
