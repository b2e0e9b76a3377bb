// SPDX-License-Identifier: MIT
/*
 * rafs_fuzz - hostile bootstraps; what open() tells of them must make sense, and a dictionary that
 * is made of one must open.
 *
 * The first byte says how the rest is meant: below 0x40, as a bootstrap layer; else as edits
 * (u16 offset, u8 length, bytes) of a bootstrap by nydus-image: odd, of v5; even, of v6.
 * (v5 compares its digests last, and few fields are covered by them.)
 */
#include "base/cursor.h"
#include "base/file.h"
#include "format/mustsink.h"
#include "format/rafs/dict.h"

#include <fcntl.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

#define GOLDEN "ref/testing/golden/nydus-v"

extern const struct lp_format lp_fmt_rafs;

/* A bootstrap, or the blob that it names. */
static void load(int version, const char *what, struct lp_buf *out)
{
	char path[64];
	struct lp_err err;

	snprintf(path, sizeof(path), GOLDEN "%d.%s", version, what);
	must(!lp_file_load(AT_FDCWD, path, 1 << 20, out, &err));
}

static void describe(int version, struct lp_descriptor *d)
{
	LP_AUTO(lp_buf_free) struct lp_buf blob = {0};

	load(version, "blob", &blob);
	lp_digest_of(LP_SHA256, blob.p, blob.len, &d->digest);
	d->bytes = blob.len;
}

static void edit(struct lp_buf *b, struct lp_cursor c)
{
	while (c.left && !c.bad) {
		size_t at = lp_le16(&c), n = lp_u8(&c);
		const uint8_t *p;

		n = n < c.left ? n : c.left;
		p = lp_take(&c, n);
		if (p && at < b->len)
			memcpy(b->p + at, p, n < b->len - at ? n : b->len - at);
	}
}

static void open_as(const uint8_t *p, size_t n, const struct lp_descriptor d[3])
{
	static const struct lp_open_options options = {.allow_unverified = false};
	LP_AUTO(must_free) struct mustsink c;
	LP_AUTO(lp_source_free) struct lp_source source = {0};
	struct lp_err err;

	must_open(&c, 3, d[1].bytes > d[2].bytes ? d[1].bytes : d[2].bytes, false);
	if (!lp_source_mem(&source, p, n, &err) &&
	    lp_fmt_rafs.open(d, &source, 3, &options, &c.sink, &err))
		must(err.code != LP_OK);
}

struct keeper {
	struct lp_writer writer;
	struct lp_buf bytes;
};

static enum lp_code keep(struct lp_writer *w, const void *p, size_t n, struct lp_err *err)
{
	return lp_buf_add(&((struct keeper *)(void *)w)->bytes, p, n, SIZE_MAX, err);
}

static void borrow_from(const uint8_t *p, size_t n, unsigned version)
{
	static const struct lp_build_options options = {.digester = LP_SHA256, .chunk_bytes = 4096};
	struct lp_build_options o = options;
	LP_AUTO(lp_source_free) struct lp_source source = {0};
	LP_AUTO(lp_buf_free) struct lp_buf blobs = {0};
	struct keeper k = {.writer = {keep}};
	struct lp_rafs_dict dict;
	struct lp_err err;

	o.version = version;
	must(!lp_source_mem(&source, p, n, &err));
	if (lp_fmt_rafs.dictionary(NULL, &source, 1, &o, &k.writer, &err)) {
		must(err.code != LP_OK);
	} else {
		must(!lp_rafs_dict_open(&dict, k.bytes.p, k.bytes.len, &err));
		for (uint32_t i = 0; i < dict.nchunk; i++)
			must(lp_rafs_dict_find(&dict, dict.chunk[i].digest,
					       dict.chunk[i].plain_bytes) == &dict.chunk[i]);
		must(!lp_fmt_rafs.blobs(&source, &blobs, &err));
	}
	lp_buf_free(&k.bytes);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	static struct lp_descriptor d[3];
	LP_AUTO(lp_buf_free) struct lp_buf boot = {0};

	if (!d[1].bytes) {
		describe(5, &d[1]);
		describe(6, &d[2]);
	}
	if (!n)
		return 0;
	if (data[0] < 0x40) {
		open_as(data + 1, n - 1, d);
		return 0;
	}
	load(data[0] & 1 ? 5 : 6, "boot", &boot);
	edit(&boot, (struct lp_cursor){.p = data + 1, .left = n - 1});
	open_as(boot.p, boot.len, d);
	borrow_from(boot.p, boot.len, data[0] & 1 ? 5 : 6);
	return 0;
}
