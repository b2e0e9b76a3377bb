/* SPDX-License-Identifier: MIT */
/*
 * pax - the records of an extended header: "LENGTH KEY=VALUE\n" one after another.
 *
 * What an entry of ours has no place for (access times, names of owners, comments, keys of
 * vendors) is passed over; sparse files are refused.
 *
 * Specification: POSIX.1-2017, pax, "pax Extended Header"
 */
#ifndef LP_PAX_H
#define LP_PAX_H

#include "base/buf.h"
#include "tree/entry.h"

#define LP_PAX_XATTRS 1024	/* ours: of one entry; LP_SPOOL_XATTRS */

/* A record that has a value was SET; one with an empty value ERASES: header, global or not. */
enum lp_pax_state { LP_PAX_ABSENT = 0, LP_PAX_ERASED, LP_PAX_SET };

struct lp_pax {
	enum lp_pax_state has_path, has_link, has_size, has_uid, has_gid, has_mtime;
	const char *path, *link;	/* in the parsed bytes */
	uint64_t size;
	uint32_t uid, gid;
	int64_t mtime;
	uint32_t mtime_ns;
	size_t nxattr;
	struct lp_xattr xattr[LP_PAX_XATTRS];	/* names and values in the parsed bytes */
};

/* Forget what was parsed, without touching the room for xattrs. */
void lp_pax_clear(struct lp_pax *x);

/*
 * lp_pax_parse - read the @n bytes at @p, which stand at @at, into @x (cleared).
 *
 * Of a key that comes twice, the last one counts.  Xattrs of no name space that the kernel
 * has are dropped.
 *
 * @p  is written to: values get a NUL; one byte behind @n must be there
 *
 * LP_EFORMAT  tar.pax.record, tar.pax.value, tar.xattr.name, tar.xattr.reserved-overlay
 * LP_EUNSUP   tar.sparse.pax
 * LP_ELIMIT   tar.xattr.size, tar.xattr.count
 */
LP_MUST_CHECK enum lp_code lp_pax_parse(struct lp_pax *x, char *p, size_t n, uint64_t at,
					struct lp_err *err);

/* Append the record "@key=@value" to @out. */
LP_MUST_CHECK enum lp_code lp_pax_add(struct lp_buf *out, const char *key, const void *value,
				      size_t n, struct lp_err *err);

/* "SCHILY.xattr.": what stands before the name of an xattr in its key. */
#define LP_PAX_XATTR "SCHILY.xattr."

#endif
