/* SPDX-License-Identifier: MIT */
/*
 * erofs_layout - the records of EROFS, one encoder each; where they go is the writer's choice.
 *
 *	superblock 128    device slot 128    inode 64    dirent 12    xattr    chunk index 8
 *
 * For the writers of layer trees (tree/erofs.h) and of RAFS v6 bootstraps.  Encoders cannot
 * fail: what they are given was checked.
 *
 * Specification: Linux fs/erofs/erofs_fs.h, 6.18
 */
#ifndef LP_EROFS_LAYOUT_H
#define LP_EROFS_LAYOUT_H

#include "base/cursor.h"

#define LP_EROFS_BLOCK 4096u		/* bytes; blkszbits 12 */
#define LP_EROFS_SUPER_AT 1024u		/* bytes from the start */
#define LP_EROFS_MAGIC 0xe0f5e1e2u
#define LP_EROFS_SUPER_BYTES 128u
#define LP_EROFS_SLOT_BYTES 128u
#define LP_EROFS_NID_BYTES 32u		/* inode number = byte offset / this */
#define LP_EROFS_INODE_BYTES 64u
#define LP_EROFS_COMPACT_BYTES 32u	/* the other kind of inode, which we only read */
#define LP_EROFS_DIRENT_BYTES 12u
#define LP_EROFS_INDEX_BYTES 8u
#define LP_EROFS_XATTR_HEADER 12u
#define LP_EROFS_XATTR_ENTRY 4u
#define LP_EROFS_XATTR_MAX (4u * 65534)	/* bytes behind the header: 16-bit xattr_icount */
#define LP_EROFS_SHARED_MAX 255		/* shared xattrs of an inode: 8-bit count */
#define LP_EROFS_DEVICES_MAX 16000u	/* ours: the root behind their slots has a 16-bit nid */
#define LP_EROFS_NULL 0xffffffffu	/* block of a chunk that is a hole */
#define LP_EROFS_INDEXES 0x20u		/* chunk format: 8-byte indexes */
#define LP_EROFS_CHUNK_BITS_MAX 31u	/* chunk of 1 << (12 + 31) bytes */

enum lp_erofs_compat { LP_EROFS_CHECKSUM = 1, LP_EROFS_MTIME = 2 };
enum lp_erofs_incompat { LP_EROFS_CHUNKED_FILE = 4, LP_EROFS_DEVICE_TABLE = 8 };
enum lp_erofs_data { LP_EROFS_PLAIN = 0, LP_EROFS_INLINE = 2, LP_EROFS_CHUNKED = 4 };

struct lp_erofs_super {
	uint32_t compat, incompat;
	uint64_t root;		/* nid, 16 bits */
	uint64_t inodes;
	uint32_t blocks;
	uint32_t meta_block;	/* of nid 0 */
	uint32_t xattr_block;	/* of shared xattrs */
	uint16_t ndevice;
	uint16_t slot;		/* of the device table, in units of its slots */
};

/* An inode as it is written. */
struct lp_erofs_raw {
	enum lp_erofs_data layout;
	uint16_t xattr_icount;
	uint16_t mode;
	uint64_t size;
	uint32_t u;		/* chunk format, block of data, or device number */
	uint32_t serial;	/* 0: an implied directory of a layer */
	uint32_t uid, gid, nlink;
	int64_t mtime;
	uint32_t mtime_ns;
};

struct lp_erofs_name {
	const char *name;
	size_t bytes;		/* 1 to 255 */
	uint64_t nid;
	uint32_t mode;		/* of the inode: its type is the dirent's */
};

static inline void lp_put_le(uint8_t *p, size_t bytes, uint64_t v)
{
	for (size_t i = 0; i < bytes; i++, v >>= 8)
		p[i] = (uint8_t)v;
}

static inline uint64_t lp_align(uint64_t v, uint32_t to)
{
	return (v + to - 1) / to * to;
}

/* As memcmp() says for bytes that end at different lengths. */
static inline int lp_erofs_compare(const void *a, size_t a_bytes, const void *b, size_t b_bytes)
{
	int c = memcmp(a, b, a_bytes < b_bytes ? a_bytes : b_bytes);

	return c ? c : (a_bytes > b_bytes) - (a_bytes < b_bytes);
}

void lp_erofs_put_super(const struct lp_erofs_super *s, uint8_t out[LP_EROFS_SUPER_BYTES]);

/* The checksum over @block0, the first 4096 bytes of the file, into its superblock. */
void lp_erofs_seal(uint8_t block0[LP_EROFS_BLOCK]);
uint32_t lp_erofs_checksum(const uint8_t block0[LP_EROFS_BLOCK]);

void lp_erofs_put_slot(const char *tag, uint32_t blocks, uint32_t mapped,
		       uint8_t out[LP_EROFS_SLOT_BYTES]);
void lp_erofs_put_inode(const struct lp_erofs_raw *i, uint8_t out[LP_EROFS_INODE_BYTES]);
void lp_erofs_put_index(uint16_t high, uint16_t device, uint32_t block,
			uint8_t out[LP_EROFS_INDEX_BYTES]);

/* One block of a directory: @n names that fit, sorted; what is left of it is zero. */
void lp_erofs_put_dirents(const struct lp_erofs_name *name, size_t n,
			  uint8_t out[LP_EROFS_BLOCK]);

/* 1 reg 2 dir 3 chr 4 blk 5 fifo 6 sock 7 symlink; 0 for what is none. */
uint8_t lp_erofs_type(uint32_t mode);
uint32_t lp_erofs_device_number(uint32_t major, uint32_t minor);

/* The number of @name's prefix and the rest of it; 0: there is none for it. */
uint8_t lp_erofs_prefix(const char *name, size_t bytes, size_t *prefix_bytes);

/* The prefix of that number, or NULL. */
const char *lp_erofs_prefix_text(uint8_t number);

/* The entry's length on disk, padded. */
static inline uint32_t lp_erofs_xattr_bytes(size_t suffix_bytes, size_t value_bytes)
{
	return (uint32_t)lp_align(LP_EROFS_XATTR_ENTRY + suffix_bytes + value_bytes, 4);
}

#endif
