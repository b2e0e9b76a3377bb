// SPDX-License-Identifier: MIT
#include "tree/erofs_layout.h"

#include <string.h>
#include <sys/stat.h>

#define CRC32C_POLYNOMIAL 0x82f63b78u

static const struct {
	const char *text;
	bool whole;		/* the prefix is the whole name */
} prefixes[] = {
	[1] = {"user.", false},
	[2] = {"system.posix_acl_access", true},
	[3] = {"system.posix_acl_default", true},
	[4] = {"trusted.", false},
	[6] = {"security.", false},
};

#define NPREFIXES (sizeof(prefixes) / sizeof(prefixes[0]))

void lp_erofs_put_super(const struct lp_erofs_super *s, uint8_t out[LP_EROFS_SUPER_BYTES])
{
	memset(out, 0, LP_EROFS_SUPER_BYTES);
	lp_put_le(out, 4, LP_EROFS_MAGIC);
	lp_put_le(out + 8, 4, s->compat);
	lp_put_le(out + 12, 1, 12);
	lp_put_le(out + 14, 2, s->root);
	lp_put_le(out + 16, 8, s->inodes);
	lp_put_le(out + 36, 4, s->blocks);
	lp_put_le(out + 40, 4, s->meta_block);
	lp_put_le(out + 44, 4, s->xattr_block);
	lp_put_le(out + 80, 4, s->incompat);
	lp_put_le(out + 86, 2, s->ndevice);
	lp_put_le(out + 88, 2, s->slot);
}

uint32_t lp_erofs_checksum(const uint8_t block0[LP_EROFS_BLOCK])
{
	uint32_t crc = 0xffffffff; /* and no inversion at the end */

	for (uint32_t i = LP_EROFS_SUPER_AT; i < LP_EROFS_BLOCK; i++) {
		bool field = i >= LP_EROFS_SUPER_AT + 4 && i < LP_EROFS_SUPER_AT + 8;

		crc ^= field ? 0 : block0[i];
		for (int bit = 0; bit < 8; bit++)
			crc = crc >> 1 ^ (CRC32C_POLYNOMIAL & -(crc & 1));
	}
	return crc;
}

void lp_erofs_seal(uint8_t block0[LP_EROFS_BLOCK])
{
	lp_put_le(block0 + LP_EROFS_SUPER_AT + 4, 4, lp_erofs_checksum(block0));
}

void lp_erofs_put_slot(const char *tag, uint32_t blocks, uint32_t mapped,
		       uint8_t out[LP_EROFS_SLOT_BYTES])
{
	memset(out, 0, LP_EROFS_SLOT_BYTES);
	memcpy(out, tag, strnlen(tag, 64));
	lp_put_le(out + 64, 4, blocks);
	lp_put_le(out + 68, 4, mapped);
}

void lp_erofs_put_inode(const struct lp_erofs_raw *i, uint8_t out[LP_EROFS_INODE_BYTES])
{
	memset(out, 0, LP_EROFS_INODE_BYTES);
	lp_put_le(out, 2, 1 + 2 * (uint64_t)i->layout);
	lp_put_le(out + 2, 2, i->xattr_icount);
	lp_put_le(out + 4, 2, i->mode);
	lp_put_le(out + 8, 8, i->size);
	lp_put_le(out + 16, 4, i->u);
	lp_put_le(out + 20, 4, i->serial);
	lp_put_le(out + 24, 4, i->uid);
	lp_put_le(out + 28, 4, i->gid);
	lp_put_le(out + 32, 8, (uint64_t)i->mtime);
	lp_put_le(out + 40, 4, i->mtime_ns);
	lp_put_le(out + 44, 4, i->nlink);
}

void lp_erofs_put_index(uint16_t high, uint16_t device, uint32_t block,
			uint8_t out[LP_EROFS_INDEX_BYTES])
{
	lp_put_le(out, 2, high);
	lp_put_le(out + 2, 2, device);
	lp_put_le(out + 4, 4, block);
}

void lp_erofs_put_dirents(const struct lp_erofs_name *name, size_t n, uint8_t out[LP_EROFS_BLOCK])
{
	size_t at = n * LP_EROFS_DIRENT_BYTES;

	for (size_t i = 0; i < n; i++, out += LP_EROFS_DIRENT_BYTES) {
		uint8_t *text = out - i * LP_EROFS_DIRENT_BYTES + at;

		lp_put_le(out, 8, name[i].nid);
		lp_put_le(out + 8, 2, at);
		lp_put_le(out + 10, 2, lp_erofs_type(name[i].mode));
		memcpy(text, name[i].name, name[i].bytes);
		at += name[i].bytes;
	}
	out -= n * LP_EROFS_DIRENT_BYTES;
	memset(out + at, 0, LP_EROFS_BLOCK - at);
}

uint8_t lp_erofs_type(uint32_t mode)
{
	static const uint8_t type[16] = {
		[S_IFREG >> 12] = 1, [S_IFDIR >> 12] = 2, [S_IFCHR >> 12] = 3, [S_IFBLK >> 12] = 4,
		[S_IFIFO >> 12] = 5, [S_IFSOCK >> 12] = 6, [S_IFLNK >> 12] = 7,
	};

	return type[mode >> 12 & 15];
}

uint32_t lp_erofs_device_number(uint32_t major, uint32_t minor)
{
	return (minor & 0xff) | major << 8 | (minor & ~0xffu) << 12;
}

uint8_t lp_erofs_prefix(const char *name, size_t bytes, size_t *prefix_bytes)
{
	for (uint8_t i = 1; i < NPREFIXES; i++) {
		size_t n = prefixes[i].text ? strlen(prefixes[i].text) : 0;

		if (!n || bytes < n || memcmp(name, prefixes[i].text, n) ||
		    (prefixes[i].whole && bytes != n))
			continue;
		*prefix_bytes = n;
		return i;
	}
	return 0;
}

const char *lp_erofs_prefix_text(uint8_t number)
{
	return number < NPREFIXES ? prefixes[number].text : NULL;
}
