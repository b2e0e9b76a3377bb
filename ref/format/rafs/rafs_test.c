// SPDX-License-Identifier: MIT
#include "base/file.h"
#include "format/logsink.h"
#include "testing/test.h"

#include <fcntl.h>

#define GOLDEN "ref/testing/golden/"

extern const struct lp_format lp_fmt_rafs, lp_fmt_oci;

/* What nydus-image made of in-nydus.tar. */
struct image {
	struct lp_buf boot, blob;
	struct lp_descriptor d[2];
};

static void image_free(struct image *i)
{
	lp_buf_free(&i->boot);
	lp_buf_free(&i->blob);
}

static enum lp_code image_load(struct image *i, int version, struct lp_err *err)
{
	char boot[64], blob[64];

	snprintf(boot, sizeof(boot), GOLDEN "nydus-v%d.boot", version);
	snprintf(blob, sizeof(blob), GOLDEN "nydus-v%d.blob", version);
	if (lp_file_load(AT_FDCWD, boot, 1 << 20, &i->boot, err) ||
	    lp_file_load(AT_FDCWD, blob, 1 << 20, &i->blob, err))
		return err->code;
	i->d[1].bytes = i->blob.len;
	lp_digest_of(LP_SHA256, i->blob.p, i->blob.len, &i->d[1].digest);
	return LP_OK;
}

/* Read @boot and all data that it promises. */
static enum lp_code read_boot(const struct image *i, const uint8_t *boot, size_t n,
			      struct logsink *s, struct lp_err *err)
{
	LP_AUTO(lp_source_free) struct lp_source source = {.ops = NULL};
	enum lp_code rc;

	log_open(s);
	s->sink.body = NULL;
	rc = lp_source_mem(&source, boot, n, err);
	rc = rc ? rc : lp_fmt_rafs.open(i->d, &source, 2, NULL, &s->sink, err);
	return rc ? rc : log_load(s, i->blob.p, i->blob.len, err);
}

static enum lp_code read_tar(struct logsink *s, struct lp_err *err)
{
	LP_AUTO(lp_source_free) struct lp_source source = {.ops = NULL};
	LP_AUTO(lp_buf_free) struct lp_buf tar = {0};
	struct lp_descriptor d = {.media_type = "application/vnd.oci.image.layer.v1.tar"};

	log_open(s);
	if (lp_file_load(AT_FDCWD, GOLDEN "in-nydus.tar", 1 << 20, &tar, err))
		return err->code;
	d.bytes = tar.len;
	if (lp_source_mem(&source, tar.p, tar.len, err))
		return err->code;
	return lp_fmt_oci.open(&d, &source, 1, NULL, &s->sink, err);
}

/* The entries of the tar, with the root that nydus-image makes up. */
static void test_golden(int version)
{
	LP_AUTO(image_free) struct image i = {.boot = {0}};
	LP_AUTO(log_free) struct logsink s = {.ended = false};
	LP_AUTO(log_free) struct logsink want = {.ended = false};
	struct lp_err err = {.rule = NULL};
	const char *rest;

	if (!CHECK(!image_load(&i, version, &err) &&
		   !read_boot(&i, i.boot.p, i.boot.len, &s, &err), "v%d is read: %s", version,
		   err.msg) ||
	    !CHECK(!read_tar(&want, &err), "and its tar"))
		return;
	rest = (const char *)s.entries.p + strcspn((const char *)s.entries.p, "\n") + 1;
	CHECK(!strncmp((const char *)s.entries.p, "|0|40755|", 9), "the root is first");
	memmove(s.entries.p, rest, strlen(rest) + 1);
	CHECK(log_same_entries(&s, &want), "v%d has the entries of the tar", version);
	CHECK(!strcmp((const char *)s.prefetch.p, "12288+6 0+10240 12288+6 "),
	      "v%d hints at small, then at what is in d: %s", version, (const char *)s.prefetch.p);
	CHECK(s.frame.len / sizeof(struct lp_frame) == 4, "four chunks: \"hello\" is one");
}

/* An edit of a bootstrap, and the rule that it breaks; NULL: it breaks none. */
struct edit {
	int version;
	const char *rule;
	uint32_t at;
	uint8_t bytes;
	uint64_t value;		/* little-endian */
};

#define D 8512u		/* v5: inode 2, "d", with children 5 to 9 */
#define SMALL 8784u	/* inode 4, its xattrs at + 136, its chunk at + 160 */
#define BIG 9024u	/* inode 5, its chunks at + 136 */
#define HARD 9752u	/* inode 8 */
#define LINK 10128u	/* inode 9, its target at + 136 */
#define TABLE 8192u	/* of inodes */
#define FILE6 12800u	/* v6: inode 144, "d/big": its indexes at + 64 */
#define COPY6 12896u	/* inode 147 */

static const struct edit edits[] = {
	{5, NULL, 26, 0, 0},
	{5, "rafs5.super.bytes", 8, 4, 4096},
	{5, "tar.header.checksum", 0, 4, 0x52414654},
	{5, "rafs5.super.reserved", 80, 1, 1},
	{5, "rafs5.super.reserved", 8191, 1, 1},
	{5, "rafs.chunk.raw", 16, 8, 0x39},
	{5, "rafs.super.flags", 16, 8, 0x1b8},
	{5, "rafs.super.flags", 16, 8, 0xba},
	{5, "rafs.super.flags", 16, 8, 0xb4 | 0x8},
	{5, "rafs.super.flags", 16, 8, 0x30},
	{5, "rafs.blob.encrypted", 16, 8, 0x20000b8},
	{5, "rafs.super.chunk-size", 12, 4, 0x1800},
	{5, "rafs.super.chunk-size", 12, 4, 0x800},
	{5, "rafs.super.chunk-size", 12, 4, 0x2000000},
	{5, "rafs5.super.inodes", 56, 4, 0},
	{5, "rafs5.super.inodes", 24, 8, 10},
	{5, "rafs5.table.range", 32, 8, 8196},
	{5, "rafs5.table.range", 32, 8, 8184},
	{5, "rafs5.table.range", 32, 8, 10272},
	{5, "rafs5.table.range", 56, 4, 0xffffffff},
	{5, "rafs5.table.range", 40, 8, UINT64_C(0xfffffffffffffff8)},
	{5, "rafs5.table.range", 48, 8, 0x10000000},
	{5, "rafs5.table.range", 72, 8, 10240},
	{5, "rafs5.table.overlap", 40, 8, 8224},
	{5, "rafs5.table.overlap", 72, 8, 8304},
	{5, "rafs.blob.id", 8248, 1, '/'},
	{5, "rafs.blob.id", 8248, 1, 0},
	{5, "rafs.blob.missing", 8248, 1, 'b'},
	{5, "rafs5.blob.table", 64, 4, 7},
	{5, "rafs5.inode.offset", TABLE + 4, 4, 0},
	{5, "rafs5.inode.offset", TABLE + 4, 4, 1024 - 1},
	{5, "rafs5.inode.offset", TABLE + 4, 4, 10272 / 8},
	{5, "rafs5.inode.record", BIG + 96, 4, 0x7fffffff},
	{5, "rafs5.inode.record", SMALL + 136, 8, 0x1000000},
	{5, "rafs5.inode.type", D + 60, 4, 0755},
	{5, "rafs5.inode.size", D + 60, 4, 0100755},
	{5, "rafs5.inode.type", LINK + 80, 8, 0},
	{5, "rafs5.inode.type", BIG + 80, 8, 8},
	{5, "rafs5.inode.type", BIG + 60, 4, 0300644},
	{5, "rafs5.inode.time", D + 108, 4, 1000000000},
	{5, "rafs5.inode.tree", D + 92, 4, 2},
	{5, "rafs5.inode.tree", D + 92, 4, 4},
	{5, "rafs5.inode.tree", D + 96, 4, 4},
	{5, "rafs5.inode.tree", D + 96, 4, 6},
	{5, "rafs5.inode.parent", BIG + 32, 8, 1},
	{5, "rafs5.inode.parent", 8376 + 32, 8, 1},
	{5, "rafs5.inode.number", BIG + 40, 8, 0},
	{5, "rafs5.inode.number", BIG + 40, 8, 10},
	{5, "rafs5.inode.number", BIG + 88, 4, 0},
	{5, "rafs5.inode.number", HARD + 40, 8, 6},
	{5, "rafs5.inode.number", HARD + 0, 8, 0},
	{5, "rafs5.inode.name", BIG + 128, 3, 0x2f6962},
	{5, "rafs5.inode.name", BIG + 128, 3, 0x6962},
	{5, "rafs5.inode.name", BIG + 100, 2, 0},
	{5, "rafs5.dir.order", BIG + 128, 3, 0x7a7a7a},
	{5, "rafs5.inode.size", BIG + 64, 8, 12289},
	{5, "rafs5.chunk.place", BIG + 64, 8, 10241},
	{5, "rafs5.chunk.place", BIG + 136 + 64, 8, 4096},
	{5, "rafs5.inode.symlink", LINK + 64, 8, 7},
	{5, "rafs5.inode.symlink", LINK + 136, 1, 0},
	{5, "rafs5.inode.xattr", SMALL + 144, 4, 7},
	{5, "rafs5.inode.xattr", SMALL + 144 + 10, 1, 'x'},
	{5, "rafs5.xattr.key", SMALL + 144 + 4, 1, 0},
	{5, "tar.xattr.name", SMALL + 144 + 4, 8, 0x7600002e72657375},
	{5, "rafs.chunk.blob", BIG + 136 + 32, 4, 1},
	{5, "rafs.chunk.flags", BIG + 136 + 36, 4, 0x21},
	{5, "rafs.chunk.kind", BIG + 136 + 36, 4, 3},
	{5, "rafs.chunk.kind", BIG + 136 + 36, 4, 9},
	{5, "rafs.blob.encrypted", BIG + 136 + 36, 4, 5},
	{5, "rafs.chunk.bytes", BIG + 136 + 40, 4, 0},
	{5, "rafs.chunk.bytes", BIG + 136 + 44, 4, 4097},
	{5, "rafs.chunk.raw", BIG + 136 + 36, 4, 0},
	{5, "rafs.chunk.range", BIG + 136 + 48, 8, 5366},
	{5, "rafs.chunk.range", BIG + 136 + 48, 8, UINT64_C(0xfffffffffffff000)},
	{5, "rafs.chunk.conflict", HARD + 136 + 40, 4, 100},
	{5, "rafs5.inode.digest", BIG + 136, 1, 0},
	{5, "rafs5.inode.digest", LINK + 136, 1, 'x'},
	{5, "rafs5.inode.digest", LINK, 1, 0},
	{5, "rafs5.inode.digest", 8376, 1, 0},
	{5, "rafs5.prefetch.inode", 8232, 4, 10},
	{5, "rafs5.prefetch.inode", 8232, 4, 8},	/* a name, but no number */
	{5, NULL, 8232, 4, 9},
	{5, NULL, 8236, 4, 0},

	{6, "rafs6.super.fields", 1024 + 4, 4, 1},
	{6, "rafs6.super.fields", 1024 + 8, 4, 0},
	{6, "rafs6.super.fields", 1024 + 16, 8, 0},
	{6, "rafs6.super.fields", 1024 + 44, 4, 1},
	{6, "erofs.super.features", 1024 + 80, 4, 0x1c},
	{6, "rafs6.super.fields", 1024 + 84, 2, 1},
	{6, "rafs6.super.fields", 1024 + 88, 2, 12},
	{6, "erofs.super.devices", 1024 + 88, 2, 160},
	{6, "erofs.super.block-size", 1024 + 12, 1, 9},
	{6, "erofs.super.features", 1024 + 13, 1, 1},
	{6, "rafs6.super.reserved", 1024 + 120, 1, 1},
	{6, "rafs6.super.reserved", 1152 + 255, 1, 1},
	{6, "rafs.super.flags", 1152, 8, 0x8},
	{6, "rafs.super.flags", 1152, 8, 0x4000b8},
	{6, "rafs.blob.encrypted", 1152, 8, 0x20000b8},
	{6, "rafs6.super.block-size", 1152, 8, 0x2b8},
	{6, "rafs.super.chunk-size", 1152 + 20, 4, 4095},
	{6, "rafs6.table.range", 1152 + 8, 8, 4100},
	{6, "rafs6.table.range", 1152 + 8, 8, 0},
	{6, "rafs6.table.range", 1152 + 8, 8, 20480},
	{6, "rafs6.table.range", 1152 + 16, 4, 255},
	{6, "rafs6.table.range", 1152 + 32, 8, 321},
	{6, "rafs6.table.range", 1152 + 24, 8, UINT64_C(0xfffffffffffff000)},
	{6, "rafs6.table.range", 1152 + 48, 4, 6},
	{6, "rafs6.table.overlap", 1152 + 40, 8, 4096},
	{6, "rafs6.device.blob", 1152 + 16, 4, 0},
	{6, "rafs6.device.blob", 1408, 1, 'x'},
	{6, "rafs6.device.blob", 1408 + 64, 4, 5},
	{6, "rafs6.device.blob", 1408 + 64, 4, 0},
	{6, "rafs.blob.id", 4096, 1, ' '},
	{6, "rafs6.blob.fields", 4096 + 64, 4, 1},
	{6, "rafs6.blob.fields", 4096 + 68, 4, 8192},
	{6, "rafs6.blob.fields", 4096 + 72, 4, 0x1000001},
	{6, "rafs6.blob.fields", 4096 + 76, 4, 4},
	{6, "rafs6.blob.fields", 4096 + 80, 4, 0},
	{6, "rafs6.blob.fields", 4096 + 88, 8, UINT64_C(1) << 41},
	{6, "rafs6.blob.fields", 4096 + 96, 8, UINT64_C(1) << 45},
	{6, "rafs6.blob.features", 4096 + 84, 4, 0x40000000},
	{6, "rafs6.blob.features", 4096 + 84, 4, 0x40001001},
	{6, "rafs6.blob.features", 4096 + 84, 4, 0xc0000001},
	{6, NULL, 4096 + 84, 4, 0x48000001},
	{6, "rafs.blob.encrypted", 4096 + 84, 4, 0x101},
	{6, "rafs6.blob.kind", 4096 + 84, 4, 0x89},
	{6, "rafs6.blob.context", 4096 + 128, 8, 63},
	{6, "rafs6.blob.context", 4096 + 120, 8, 65},
	{6, "rafs.chunk.blob", 16384 + 32, 4, 1},
	{6, "rafs.chunk.range", 16384 + 48, 8, 9527},
	{6, "rafs.chunk.range", 16384 + 56, 8, 0x4000},
	{6, "rafs.chunk.overlap", 16384 + 56, 8, 0},
	{6, "rafs.chunk.address", 16384 + 56, 8, 0x100},
	{6, "rafs6.chunk.index", FILE6 + 64, 2, 9},
	{6, "erofs.chunk.device", FILE6 + 66, 1, 0},
	{6, "erofs.chunk.device", FILE6 + 66, 1, 2},
	{6, "rafs6.chunk.index", COPY6 + 64, 2, 2},
	{6, "rafs6.chunk.index", COPY6 + 68, 4, 1},
	{6, "rafs6.chunk.index", COPY6 + 8, 8, 7},
	{6, "erofs.chunk.device", FILE6 + 68, 4, 3},
	{6, "rafs6.chunk.bits", FILE6 + 76, 4, 2},
	{6, "rafs6.chunk.bits", FILE6 + 16, 4, 0x23},
	{6, "rafs6.chunk.bits", FILE6 + 16, 4, 0x21},
	{6, "rafs6.inode.number", FILE6 + 20, 4, 0},
	{6, "rafs6.inode.number", FILE6 + 20, 4, 10},
	{6, "rafs6.inode.number", COPY6 + 20, 4, 5},
	{6, "rafs6.prefetch.inode", 4352, 4, 139},
	{6, "rafs6.prefetch.inode", 4352, 4, 0xffffffff},
	{6, NULL, 4352, 4, 128},
	{6, NULL, 4356, 4, 0},
	{6, NULL, FILE6 + 44, 4, 7},			/* link counts are for nobody */
};

static void test_edits(void)
{
	LP_AUTO(image_free) struct image v5 = {.boot = {0}};
	LP_AUTO(image_free) struct image v6 = {.boot = {0}};
	struct lp_err err;

	if (!CHECK(!image_load(&v5, 5, &err) && !image_load(&v6, 6, &err), "both are there"))
		return;
	for (size_t k = 0; k < sizeof(edits) / sizeof(edits[0]); k++) {
		const struct edit *e = &edits[k];
		struct image *i = e->version == 5 ? &v5 : &v6;
		LP_AUTO(log_free) struct logsink s = {.ended = false};
		uint8_t kept[8];

		memcpy(kept, i->boot.p + e->at, e->bytes);
		for (unsigned b = 0; b < e->bytes; b++)
			i->boot.p[e->at + b] = (uint8_t)(e->value >> 8 * b);
		err = (struct lp_err){.rule = NULL};
		read_boot(i, i->boot.p, i->boot.len, &s, &err);
		CHECK(!e->rule == !err.code && (!e->rule || (err.rule && !strcmp(err.rule, e->rule))),
		      "v%d, %#x at %u: %s, not %s", e->version, (unsigned)e->value, e->at,
		      e->rule ? e->rule : "nothing", err.code ? err.msg : "nothing");
		memcpy(i->boot.p + e->at, kept, e->bytes);
	}
}

#define TWIN 13152u		/* v6: unused, inode 155 */
#define HARD6 12732u		/* the entry of "hard" in d */

/* Two records of one number, as writers up to v2.1 made them, are one file if they are alike. */
static void test_twins(void)
{
	LP_AUTO(image_free) struct image i = {.boot = {0}};
	struct lp_err err;

	if (!CHECK(!image_load(&i, 6, &err), "v6 is there"))
		return;
	i.boot.p[HARD6] = (TWIN - 8192) / 32;
	memcpy(i.boot.p + TWIN, i.boot.p + FILE6, 88);
	for (size_t n = 0; n <= 88; n++) {
		LP_AUTO(log_free) struct logsink s = {.ended = false};

		i.boot.p[TWIN + n] ^= 1;
		err = (struct lp_err){.rule = NULL};
		read_boot(&i, i.boot.p, i.boot.len, &s, &err);
		if (n == 88 || err.code == LP_OK || !err.rule)
			CHECK(n == 88 ? err.code == LP_OK : test_tortured(),
			      "twins that differ at %zu of 88: %s", n,
			      err.code ? err.msg : "taken");
		i.boot.p[TWIN + n] ^= 1;
	}
}

/* No part of a bootstrap is a bootstrap. */
static void test_truncated(int version)
{
	LP_AUTO(image_free) struct image i = {.boot = {0}};
	struct lp_err err;
	size_t taken = 0;

	if (!CHECK(!image_load(&i, version, &err), "v%d is there", version))
		return;
	for (size_t n = 0; n < i.boot.len; n += test_tortured() ? 4096 : 8) {
		LP_AUTO(log_free) struct logsink s = {.ended = false};

		taken += !read_boot(&i, i.boot.p, n, &s, &err);
	}
	CHECK(!taken, "v%d: %zu shorter ones were taken", version, taken);
}

static const uint32_t inodes5[] = {8376, D, 8648, SMALL, BIG, 9400, 9616, HARD, LINK, 0};
static const uint32_t inodes6[] = {12288, 12448, 12512, 12608, FILE6, COPY6, 12992, 13056, 0};
static const uint32_t entries6[] = {12352, 12364, 12376, 12388, 12400, 12672, 12684, 12696, 12708,
				    12720, 12732, 12744, 0};
static const uint32_t chunks6[] = {16384, 16464, 16544, 16624, 0};

/*
 * Fields with a byte whose flip is taken: by each of the records @in, or once.  Attributes it
 * then tells are covered by the digest of the layer alone (2.9, 3.11): no digest within is.
 */
static const struct field {
	int version;
	const uint32_t *in;
	uint32_t at, bytes;
	bool told;		/* entries differ then; else it is for nobody */
	const char *what;
} fields[] = {
	{5, NULL, 19, 1, false, "flags that are to be ignored, 2.3"},
	{5, NULL, 8228, 4, false, "behind the inode table"},
	{5, NULL, 8240, 8, false, "what to read ahead of a blob"},
	{5, NULL, 8312, 16, false, "counts and features of a blob"},
	{5, NULL, 8329, 7, false, "stored bytes of a blob: more"},
	{5, NULL, 8336, 40, false, "reserved, of a blob"},
	{5, inodes5, 48, 8, true, "owner"},
	{5, inodes5, 56, 4, false, "project"},
	{5, inodes5, 60, 4, true, "mode"},
	{5, inodes5, 64, 8, false, "size of what is no file"},
	{5, inodes5, 72, 8, false, "blocks"},
	{5, inodes5, 88, 4, false, "link count"},
	{5, inodes5, 92, 8, false, "children of what has none"},
	{5, inodes5, 102, 2, false, "target of what is no link"},
	{5, inodes5, 104, 4, true, "device"},
	{5, inodes5, 108, 12, true, "time"},
	{5, inodes5, 120, 8, false, "reserved"},
	{5, inodes5, 128, 8, true, "name, and behind it"},
	{5, NULL, SMALL + 148, 12, true, "an xattr"},

	{6, NULL, 0, 1024, false, "in front of the superblock"},
	{6, NULL, 1024 + 9, 2, false, "features that may be unknown"},
	{6, NULL, 1024 + 16, 2, false, "count of inodes: more"},
	{6, NULL, 1024 + 24, 16, false, "time of building, blocks"},
	{6, NULL, 1024 + 48, 32, false, "uuid, label"},
	{6, NULL, 1152 + 52, 4, false, "reserved"},
	{6, NULL, 1408 + 68, 2620, false, "address for the kernel, and behind the devices"},
	{6, NULL, 4096 + 86, 2, false, "features of later writers, 3.6"},
	{6, NULL, 4096 + 88, 5, false, "stored bytes of the blob: others that suffice"},
	{6, NULL, 4096 + 96, 1, false, "plain bytes of the blob: others that suffice"},
	{6, NULL, 4096 + 104, 4, false, "size of its table of contents"},
	{6, NULL, 4096 + 112, 9, false, "place of its contexts: check_test.c"},
	{6, NULL, 4096 + 136, 120, false, "digest of the table of contents, no key, reserved"},
	{6, NULL, 4360, 7928, false, "behind the prefetch table"},
	{6, inodes6, 4, 2, true, "mode"},
	{6, inodes6, 6, 2, false, "reserved"},
	{6, inodes6, 8, 8, false, "size of what is no file"},
	{6, inodes6, 16, 4, true, "device; place of what is inline"},
	{6, inodes6, 20, 4, false, "number of a directory, a device, a link: others that are free"},
	{6, inodes6, 24, 20, true, "owner, time"},
	{6, inodes6, 44, 20, false, "link count, reserved"},
	{6, entries6, 11, 1, false, "reserved, of an entry"},
	{6, NULL, 12412, 36, true, "names in the root, and behind them"},
	{6, NULL, 12756, 44, true, "names in d, and behind them"},
	{6, NULL, 12576, 24, true, "an xattr"},
	{6, NULL, 12888, 8, false, "behind indexes"},
	{6, NULL, 12968, 24, false, "behind indexes"},
	{6, NULL, 13120, 8, true, "target of a link"},
	{6, NULL, 13128, 3256, false, "behind the inodes"},
	{6, chunks6, 64, 8, false, "place in the first file that has the chunk"},
	{6, chunks6, 76, 4, false, "checksum without its flag"},
	{6, NULL, 16464 + 40, 1, false, "stored bytes of a chunk: more than its frame has"},
	{6, NULL, 16704, 3776, false, "behind the chunk table"},
};

static bool lies_in(uint32_t n, uint32_t at, uint32_t bytes)
{
	return n >= at && n - at < bytes;
}

static const struct field *find_field(int version, uint32_t n)
{
	for (size_t i = 0; i < sizeof(fields) / sizeof(fields[0]); i++) {
		const struct field *f = &fields[i];

		if (f->version != version)
			continue;
		if (!f->in && lies_in(n, f->at, f->bytes))
			return f;
		for (size_t k = 0; f->in && f->in[k]; k++)
			if (lies_in(n, f->in[k] + f->at, f->bytes))
				return f;
	}
	return NULL;
}

/* Every byte that is flipped is noticed, or is listed. */
static void test_flipped(int version)
{
	LP_AUTO(image_free) struct image i = {.boot = {0}};
	LP_AUTO(log_free) struct logsink want = {.ended = false};
	struct lp_err err;
	size_t taken = 0, wrong = 0;

	if (!CHECK(!image_load(&i, version, &err) &&
		   !read_boot(&i, i.boot.p, i.boot.len, &want, &err), "v%d is there", version))
		return;
	for (size_t n = 0; n < i.boot.len; n += test_tortured() ? 1021 : 1) {
		LP_AUTO(log_free) struct logsink s = {.ended = false};
		const struct field *f = find_field(version, (uint32_t)n);
		bool told;

		i.boot.p[n] ^= 0x41;
		if (!read_boot(&i, i.boot.p, i.boot.len, &s, &err)) {
			told = s.entries.len != want.entries.len ||
			       memcmp(s.entries.p, want.entries.p, want.entries.len) != 0;
			taken++;
			if (!f || (told && !f->told) || s.chunk.len != want.chunk.len ||
			    s.prefetch.len != want.prefetch.len) {
				wrong++;
				CHECK(false, "v%d, byte %zu: taken, %s", version, n,
				      f ? f->what : "not listed");
			}
		}
		i.boot.p[n] ^= 0x41;
	}
	CHECK(!wrong, "v%d: %zu flips are taken, all of what is listed", version, taken);
}

static void test_layer(void)
{
	LP_AUTO(image_free) struct image i = {.boot = {0}};
	LP_AUTO(log_free) struct logsink s = {.ended = false};
	uint8_t v4[4096] = {0x53, 0x46, 0x41, 0x52, 0, 4};
	struct lp_err err;

	if (!CHECK(!image_load(&i, 5, &err), "it is there"))
		return;
	CHECK(read_boot(&i, v4, sizeof(v4), &s, &err) == LP_EUNSUP &&
	      !strcmp(err.rule, "rafs.boot.version"), "v4: %s", err.msg);
	CHECK(read_boot(&i, i.boot.p, 0, &s, &err) && !strcmp(err.rule, "rafs.boot.missing"),
	      "an empty layer: %s", err.msg);
	i.d[1].digest.b[0] ^= 1;
	CHECK(read_boot(&i, i.boot.p, i.boot.len, &s, &err) &&
	      !strcmp(err.rule, "rafs.blob.missing"), "another blob: %s", err.msg);
}

int main(void)
{
	test_golden(5);
	test_golden(6);
	test_edits();
	test_twins();
	test_truncated(5);
	test_truncated(6);
	test_flipped(5);
	test_flipped(6);
	test_layer();
	return test_done();
}
