/* SPDX-License-Identifier: MIT */
/*
 * toc - the entries of an eStargz table of contents, one at a time.
 *
 *	{"version": 1, "entries": [{"name": "a", "type": "reg", "size": 5, ...}, ...]}
 *
 * What stands in one entry is checked here: types, ranges, what is required.  What entries
 * say about each other is the business of whoever pulls them.
 *
 * Keys that nobody knows are skipped.  A known key twice is refused, and so is a key that
 * differs from a known one in case only: some readers would take it for that one.
 *
 * Specification: stargz-snapshotter docs/estargz.md, "TOC"; spec/estargz.md 1.7
 */
#ifndef LP_TOC_H
#define LP_TOC_H

#include "base/buf.h"
#include "format/estargz/scan.h"
#include "tree/entry.h"

#define LP_TOC_NAME "stargz.index.json"
#define LP_TOC_BYTES_MAX ((size_t)150 << 20)	/* containers/storage's limit, design.md 7 */
#define LP_TOC_XATTRS_MAX 256			/* ours: of one entry */

enum lp_toc_type {
	LP_TOC_DIR, LP_TOC_REG, LP_TOC_SYMLINK, LP_TOC_HARDLINK, LP_TOC_CHAR, LP_TOC_BLOCK,
	LP_TOC_FIFO, LP_TOC_CHUNK,
};

/* As it stands in the TOC: an absent number is 0, an absent text has p NULL. */
struct lp_toc_entry {
	uint64_t at;			/* of its brace in the JSON */
	enum lp_toc_type type;
	struct lp_scan_text name, link, modtime, digest, chunk_digest;
	uint64_t size, mode, uid, gid;
	uint64_t offset;		/* of its gzip member in the blob */
	uint64_t inner;			/* first byte, from the start of the member's plain bytes */
	uint64_t major, minor;
	uint64_t chunk_off, chunk_bytes; /* in the file; chunk_bytes 0: up to its end */
	int64_t mtime;			/* of modtime; 0: absent */
	uint32_t mtime_ns;
	const struct lp_xattr *xattr;	/* [nxattr] sorted by name */
	size_t nxattr;
};

struct lp_toc {
	struct lp_scan scan;
	struct lp_buf xattr;		/* of struct lp_xattr */
	bool in_entries, had_version;
};

/*
 * lp_toc_open - begin with @n bytes of JSON at @json.
 *
 * @json  written to, with LP_SCAN_SLACK bytes of room behind it; borrowed until the end
 */
LP_MUST_CHECK enum lp_code lp_toc_open(struct lp_toc *t, char *json, size_t n,
				       struct lp_err *err);

/*
 * lp_toc_next - the next entry.
 *
 * @e     texts are good as long as the JSON, xattrs until the next call
 * @more  out: false behind the last entry, when the rest of the document was checked too
 *
 * LP_EFORMAT  estargz.json.*, estargz.toc.*, estargz.entry.*; err->at is the byte in the JSON
 * LP_ELIMIT   estargz.entry.xattrs
 */
LP_MUST_CHECK enum lp_code lp_toc_next(struct lp_toc *t, struct lp_toc_entry *e, bool *more,
				       struct lp_err *err);
void lp_toc_free(struct lp_toc *t);

#endif
