// SPDX-License-Identifier: MIT
/* The layer around a bootstrap: what may be in it, each byte of it flipped, each place cut. */
#include "base/file.h"
#include "base/rule.h"
#include "codec/codec.h"
#include "format/rafs/boot.h"
#include "testing/test.h"
#include "tree/tar.h"

#include <fcntl.h>
#include <string.h>

#define GOLDEN "ref/testing/golden/nydus-v6.boot"
#define MAX ((size_t)1 << 20)
#define KEPT 2048u	/* bytes of the bootstrap: more are looked at by others */

/* What is in a layer, in order: a path, and which bytes. */
struct part {
	const char *path;
	char what;		/* '6': a bootstrap of v6; 'n': nothing known; '4': v4; 'd': a directory */
};

static enum lp_code add(struct lp_buf *tar, const struct part *p, const uint8_t *v6,
			struct lp_err *err)
{
	static const uint8_t zero[512], v4[KEPT] = {0x53, 0x46, 0x41, 0x52, 0, 4}, none[KEPT];
	bool dir = p->what == 'd';
	struct lp_entry e = {.path = p->path, .mode = dir ? S_IFDIR | 0755 : S_IFREG | 0444,
			     .size = dir ? 0 : KEPT};

	if (lp_tar_header(&e, tar, err))
		return err->code;
	if (dir)
		return LP_OK;
	if (lp_buf_add(tar, p->what == '6' ? v6 : p->what == '4' ? v4 : none, KEPT, MAX, err))
		return err->code;
	return lp_buf_add(tar, zero, lp_tar_pad(KEPT), MAX, err);
}

static enum lp_code make(const struct part *p, const uint8_t *v6, const struct lp_codec *codec,
			 struct lp_buf *out, struct lp_err *err)
{
	static const uint8_t zero[LP_TAR_EOF_BYTES];
	LP_AUTO(lp_buf_free) struct lp_buf tar = {.p = NULL};

	for (; p->path; p++)
		if (add(&tar, p, v6, err))
			return err->code;
	if (lp_buf_add(&tar, zero, sizeof(zero), MAX, err))
		return err->code;
	return codec->encode(tar.p, tar.len, codec->level_default, out, err);
}

static enum lp_code load(const uint8_t *p, size_t n, const uint8_t *v6, struct lp_err *err)
{
	LP_AUTO(lp_rafs_boot_free) struct lp_rafs_boot boot = {.version = 0};
	LP_AUTO(lp_source_free) struct lp_source source = {.ops = NULL};

	*err = (struct lp_err){.rule = NULL};
	if (lp_source_mem(&source, p, n, err) || lp_rafs_boot_load(&boot, &source, NULL, err))
		return err->code;
	if (boot.version != 6 || boot.bytes.len != KEPT || memcmp(boot.bytes.p, v6, KEPT) != 0)
		return lp_fail(err, LP_EDIGEST, LP_NO_OFFSET, NULL, "another bootstrap is kept");
	return LP_OK;
}

#define PATH "image/image.boot"
#define OLD "image.boot"

static const struct {
	const char *rule;	/* NULL: the bootstrap is found */
	struct part part[4];
} layers[] = {
	{NULL, {{"image", 'd'}, {PATH, '6'}}},
	{NULL, {{OLD, '6'}}},
	{NULL, {{OLD, 'n'}, {PATH, '6'}}},
	{NULL, {{PATH, '6'}, {OLD, 'n'}}},
	{NULL, {{PATH, '6'}, {"image/x.blob.meta", 'n'}}},
	{"rafs.boot.twice", {{PATH, '6'}, {PATH, '6'}}},
	{"rafs.boot.twice", {{OLD, '6'}, {PATH, '6'}, {PATH, '6'}}},
	{"rafs.boot.missing", {{"image", 'd'}}},
	{"rafs.boot.missing", {{"image/image.boot", 'd'}}},
	{"rafs.boot.missing", {{"other/image.boot", '6'}}},
	{"rafs.boot.magic", {{PATH, 'n'}}},
	{"rafs.boot.version", {{PATH, '4'}}},
};

static void test_layers(const uint8_t *v6)
{
	for (size_t i = 0; i < sizeof(layers) / sizeof(layers[0]); i++) {
		LP_AUTO(lp_buf_free) struct lp_buf layer = {.p = NULL};
		const char *rule = layers[i].rule;
		struct lp_err err;

		if (make(layers[i].part, v6, &lp_codec_gzip, &layer, &err))
			continue;
		load(layer.p, layer.len, v6, &err);
		CHECK(!rule == !err.code && (!rule || (err.rule && !strcmp(err.rule, rule))),
		      "layer %zu: %s, not %s", i, rule ? rule : "nothing",
		      err.code ? err.msg : "nothing");
	}
}

/* Bytes of the gzip header that say nothing of what is in it: FTEXT aside, MTIME, XFL, OS. */
static bool gzip_idle(size_t at)
{
	return at >= 4 && at < 10;
}

static void test_flipped(const struct lp_buf *layer, const uint8_t *v6)
{
	size_t wrong = 0, idle = 0;

	for (size_t n = 0; n < layer->len; n += test_tortured() ? 97 : 1) {
		struct lp_err err;
		bool ok;

		layer->p[n] ^= 0x41;
		ok = !load(layer->p, layer->len, v6, &err);
		idle += ok;
		if (ok ? !gzip_idle(n) : !err.rule || !lp_rule_find(err.rule)) {
			wrong++;
			CHECK(test_tortured(), "byte %zu: %s", n, ok ? "taken" : err.msg);
		}
		layer->p[n] ^= 0x41;
	}
	CHECK(!wrong, "all flips of %zu are refused but %zu of the gzip header", layer->len, idle);
}

static void test_cut(const struct lp_buf *layer, const uint8_t *v6)
{
	size_t taken = 0;

	for (size_t n = 0; n < layer->len; n += test_tortured() ? 97 : 1) {
		struct lp_err err;

		taken += !load(layer->p, n, v6, &err) || !err.rule || !lp_rule_find(err.rule);
	}
	CHECK(!taken, "%zu shorter ones of %zu are taken", taken, layer->len);
}

int main(void)
{
	static const struct part parts[] = {{"image", 'd'}, {PATH, '6'}, {NULL, 0}};
	LP_AUTO(lp_buf_free) struct lp_buf v6 = {.p = NULL};
	LP_AUTO(lp_buf_free) struct lp_buf layer = {.p = NULL};
	struct lp_err err = {.rule = NULL};

	if (!CHECK(!lp_file_load(AT_FDCWD, GOLDEN, MAX, &v6, &err) &&
		   !make(parts, v6.p, &lp_codec_gzip, &layer, &err), "a layer is made: %s", err.msg))
		return test_done();
	test_layers(v6.p);
	test_flipped(&layer, v6.p);
	test_cut(&layer, v6.p);
	return test_done();
}
