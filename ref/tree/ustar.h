/* SPDX-License-Identifier: MIT */
/*
 * ustar - the 512-byte header block of a tar, in all its dialects.
 *
 *	V7      name, mode, owner, size, mtime, type, link
 *	ustar   + prefix of the name, device numbers            magic "ustar\0"
 *	GNU     + base-256 numbers, no prefix                   magic "ustar  \0"
 *	star    a shorter prefix, base-256 numbers              "tar\0" in the last four bytes
 *
 * Specification: POSIX.1-2017, pax, "ustar Interchange Format"; GNU tar manual, "Basic Tar
 * Format"
 */
#ifndef LP_USTAR_H
#define LP_USTAR_H

#include "base/err.h"

#include <stdbool.h>
#include <stddef.h>

#define LP_USTAR_BYTES 512	/* POSIX: a block */
#define LP_USTAR_NAME 100	/* POSIX: bytes of name and link, without a NUL where full */
#define LP_USTAR_PREFIX 155	/* POSIX: bytes of the prefix */

enum lp_tar_type {
	LP_TAR_V7 = '\0', LP_TAR_FILE = '0', LP_TAR_LINK = '1', LP_TAR_SYMLINK = '2',
	LP_TAR_CHAR = '3', LP_TAR_BLOCK = '4', LP_TAR_DIR = '5', LP_TAR_FIFO = '6',
	LP_TAR_CONTIGUOUS = '7', LP_TAR_PAX = 'x', LP_TAR_PAX_GLOBAL = 'g',
	LP_TAR_GNU_NAME = 'L', LP_TAR_GNU_LINK = 'K', LP_TAR_GNU_SPARSE = 'S',
};

/* What a block says, as it stands there. */
struct lp_ustar {
	char type;
	char name[LP_USTAR_PREFIX + 1 + LP_USTAR_NAME + 1];	/* prefix and name, joined */
	char link[LP_USTAR_NAME + 1];
	int64_t mode, uid, gid, size, mtime, major, minor;
};

/* True if all bytes are zero: two such blocks end an archive. */
bool lp_ustar_zero(const uint8_t block[static LP_USTAR_BYTES]);

/*
 * lp_ustar_parse - read @block, which stands at @at.
 *
 * LP_EFORMAT  tar.header.checksum, tar.header.number, tar.header.gnu-prefix
 */
LP_MUST_CHECK enum lp_code lp_ustar_parse(const uint8_t block[static LP_USTAR_BYTES], uint64_t at,
					  struct lp_ustar *out, struct lp_err *err);

/* True if @n can stand in a numeric field of @bytes bytes, in octal digits. */
bool lp_ustar_fits(int64_t n, unsigned bytes);

#define LP_USTAR_ID 8		/* bytes of uid, gid, mode and device numbers */
#define LP_USTAR_BIG 12		/* bytes of size and mtime */

/*
 * lp_ustar_split - the slash that divides @name, too long for its field, in prefix and name.
 *
 * Its index; 0: the name fits as it is, or no slash will do, or it is not ASCII.
 */
size_t lp_ustar_split(const char *name);

/*
 * lp_ustar_format - write the header block that POSIX describes, with its checksum.
 *
 * @u      type and numbers; those that do not fit become 0: a PAX record has them
 * @name   cut where it is too long, without the bytes that are not ASCII; so is @link
 * @slash  from lp_ustar_split(), or 0
 */
void lp_ustar_format(const struct lp_ustar *u, const char *name, size_t slash, const char *link,
		     uint8_t block[static LP_USTAR_BYTES]);

#endif
