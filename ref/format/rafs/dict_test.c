// SPDX-License-Identifier: MIT
#include "base/file.h"
#include "format/rafs/dict.h"
#include "format/rafs/meta.h"
#include "testing/test.h"

#include <fcntl.h>
#include <string.h>

#define GOLDEN "ref/testing/golden/"
#define HEAD 16	/* bytes in front of the blobs */

static enum lp_code make(const char *boot, const struct lp_build_options *o, struct lp_buf *out,
			 struct lp_err *err)
{
	LP_AUTO(lp_buf_free) struct lp_buf file = {.p = NULL};
	LP_AUTO(lp_source_free) struct lp_source source = {.ops = NULL};
	struct lp_buf_writer k = LP_BUF_WRITER(SIZE_MAX);
	enum lp_code code;

	if (lp_file_load(AT_FDCWD, boot, 1 << 20, &file, err) ||
	    lp_source_mem(&source, file.p, file.len, err))
		return err->code;
	code = lp_rafs_dict_make(NULL, &source, 1, o, &k.writer, err);
	*out = k.buf;
	return code;
}

static const struct {
	const char *boot;
	struct lp_build_options options;
	const char *rule;	/* NULL: a dictionary */
} likes[] = {
	{"nydus-v6.boot", {.version = 6, .digester = LP_SHA256, .chunk_bytes = 4096}, NULL},
	{"nydus-v6.boot", {.version = 6, .digester = LP_SHA256, .chunk_bytes = 4096,
			   .codec = &lp_codec_lz4}, NULL},
	{"nydus-v6.boot", {.version = 6, .digester = LP_SHA256, .chunk_bytes = 8192},
	 "rafs.dict.unlike"},
	{"nydus-v6.boot", {.version = 6, .digester = LP_BLAKE3, .chunk_bytes = 4096},
	 "rafs.dict.unlike"},
	{"nydus-v6.boot", {.version = 5, .digester = LP_SHA256, .chunk_bytes = 4096},
	 "rafs.dict.unlike"},
	{"nydus-v5.boot", {.version = 5, .digester = LP_SHA256, .chunk_bytes = 4096}, NULL},
	{"nydus-v5.boot", {.version = 5, .digester = LP_SHA256, .chunk_bytes = 4096,
			   .codec = &lp_codec_lz4}, "rafs.dict.unlike"},
	{"in-nydus.tar", {.version = 6, .digester = LP_SHA256, .chunk_bytes = 4096},
	 "rafs.boot.missing"},
};

static void test_likeness(void)
{
	for (size_t i = 0; i < sizeof(likes) / sizeof(likes[0]); i++) {
		LP_AUTO(lp_buf_free) struct lp_buf table = {.p = NULL};
		struct lp_err err = {0};
		char path[64];
		enum lp_code code;

		snprintf(path, sizeof(path), GOLDEN "%s", likes[i].boot);
		code = make(path, &likes[i].options, &table, &err);
		if (likes[i].rule)
			CHECK(code == LP_EFORMAT && err.rule && !strcmp(err.rule, likes[i].rule),
			      "%zu: %s: %s", i, likes[i].boot, err.msg);
		else
			CHECK(!code && table.len > HEAD, "%zu: %s: %s", i, likes[i].boot, err.msg);
	}
}

static void test_find(const struct lp_buf *table)
{
	struct lp_rafs_dict dict = {.nblob = 0};
	uint8_t digest[LP_RAFS_DIGEST];
	struct lp_err err = {0};
	uint32_t found = 0, sorted = 1;

	if (!CHECK(!lp_rafs_dict_open(&dict, table->p, table->len, &err) && dict.nblob == 1 &&
		   dict.nchunk > 2, "a dictionary is opened: %s", err.msg))
		return;
	for (uint32_t i = 0; i < dict.nchunk; i++) {
		const struct lp_rafs_chunk *c = &dict.chunk[i];

		found += lp_rafs_dict_find(&dict, c->digest, c->plain_bytes) == c;
		sorted += i && memcmp(c[-1].digest, c->digest, LP_RAFS_DIGEST) < 0;
	}
	CHECK(found == dict.nchunk && sorted == dict.nchunk, "each of %u chunks is found, once",
	      dict.nchunk);
	memcpy(digest, dict.chunk[0].digest, sizeof(digest));
	CHECK(!lp_rafs_dict_find(&dict, digest, dict.chunk[0].plain_bytes - 1), "of another size");
	digest[31] ^= 1;
	CHECK(!lp_rafs_dict_find(&dict, digest, dict.chunk[0].plain_bytes), "of another digest");
	CHECK(lp_rafs_dict_has(&dict, dict.blob[0].id) && !lp_rafs_dict_has(&dict, "x"), "the blob");
}

/* No child of ours writes these. */
static void test_nonsense(struct lp_buf *table)
{
	static const struct {
		size_t at;
		uint8_t value;
		const char *what;
	} edits[] = {
		{0, 9, "more blobs"}, {4, 0xff, "more chunks"}, {HEAD + 64, 'x', "an id without end"},
		{HEAD + LP_RAFS_ID, 99, "a compressor"},
	};
	struct lp_rafs_dict dict;
	struct lp_err err = {0};

	for (size_t i = 0; i < sizeof(edits) / sizeof(edits[0]); i++) {
		uint8_t old = table->p[edits[i].at];

		table->p[edits[i].at] = edits[i].value;
		CHECK(lp_rafs_dict_open(&dict, table->p, table->len, &err) == LP_EFORMAT, "%s: %s",
		      edits[i].what, err.msg);
		table->p[edits[i].at] = old;
	}
	for (size_t n = 1; n < table->len; n += 13)
		if (!lp_rafs_dict_open(&dict, table->p, n, &err))
			CHECK(false, "%zu bytes of %zu", n, table->len);
	CHECK(!lp_rafs_dict_open(&dict, NULL, 0, &err) && !dict.nchunk, "none is an empty one");
}

static void test_blobs(void)
{
	LP_AUTO(lp_buf_free) struct lp_buf file = {.p = NULL};
	LP_AUTO(lp_buf_free) struct lp_buf blob = {.p = NULL};
	LP_AUTO(lp_buf_free) struct lp_buf out = {.p = NULL};
	LP_AUTO(lp_source_free) struct lp_source source = {.ops = NULL};
	struct lp_digest want;
	struct lp_err err = {0};

	if (!CHECK(!lp_file_load(AT_FDCWD, GOLDEN "nydus-v6.boot", 1 << 20, &file, &err) &&
		   !lp_file_load(AT_FDCWD, GOLDEN "nydus-v6.blob", 1 << 20, &blob, &err) &&
		   !lp_source_mem(&source, file.p, file.len, &err) &&
		   !lp_rafs_blobs(&source, &out, &err), "blobs are listed: %s", err.msg))
		return;
	lp_digest_of(LP_SHA256, blob.p, blob.len, &want);
	CHECK(out.len == sizeof(want) &&
	      lp_digest_equal((const struct lp_digest *)(const void *)out.p, &want), "the blob");
}

int main(void)
{
	LP_AUTO(lp_buf_free) struct lp_buf table = {.p = NULL};
	struct lp_err err = {0};

	test_likeness();
	test_blobs();
	if (CHECK(!make(GOLDEN "nydus-v6.boot", &likes[0].options, &table, &err), "%s", err.msg)) {
		test_find(&table);
		test_nonsense(&table);
	}
	return test_done();
}
