// SPDX-License-Identifier: MIT
/*
 * What a blob has behind its chunks, and the chunks: each byte that is flipped, each place where
 * it is cut.  It is refused, with a rule, or it is harmless and listed here, with the reason.
 */
#include "base/rule.h"
#include "format/logsink.h"
#include "format/rafs/check.h"
#include "format/rafs/tocblob.h"
#include "testing/test.h"

#define GOLDEN "ref/testing/golden/nydus-v"

extern const struct lp_format lp_fmt_rafs;

static enum lp_code image_load(struct tocblob *t, int version, struct lp_err *err)
{
	char path[64];

	snprintf(path, sizeof(path), GOLDEN "%d.boot", version);
	if (lp_file_load(AT_FDCWD, path, TOCBLOB_MAX, &t->boot, err))
		return err->code;
	snprintf(path, sizeof(path), GOLDEN "%d.blob", version);
	if (lp_file_load(AT_FDCWD, path, TOCBLOB_MAX, &t->blob, err))
		return err->code;
	t->d[1].bytes = t->blob.len;
	lp_digest_of(LP_SHA256, t->blob.p, t->blob.len, &t->d[1].digest);
	return LP_OK;
}

/* The bootstrap and a blob of @n bytes as sources; @both[2] is freed by the caller. */
static enum lp_code sources(const struct tocblob *t, size_t n, struct lp_source *both,
			    struct lp_err *err)
{
	*err = (struct lp_err){.rule = NULL};
	if (lp_source_mem(&both[0], t->boot.p, t->boot.len, err) ||
	    lp_source_mem(&both[1], t->blob.p, n, err))
		return err->code;
	return LP_OK;
}

static void free_sources(struct lp_source (*both)[2])
{
	lp_source_free(&(*both)[0]);
	lp_source_free(&(*both)[1]);
}

/* What the bootstrap tells of a blob of @n bytes. */
static enum lp_code open_image(const struct tocblob *t, size_t n, struct logsink *s,
			       struct lp_err *err)
{
	LP_AUTO(free_sources) struct lp_source both[2] = {{.ops = NULL}, {.ops = NULL}};
	struct lp_descriptor d[2] = {t->d[0], t->d[1]};

	d[1].bytes = n;
	log_open(s);
	s->sink.body = NULL;
	if (sources(t, n, both, err))
		return err->code;
	return lp_fmt_rafs.open(d, both, 2, NULL, &s->sink, err);
}

/* Does `check` take the blob, which was opened into @s: its chunks, then the rest? */
static enum lp_code check_opened(const struct tocblob *t, size_t n, struct logsink *s,
				 struct lp_err *err)
{
	LP_AUTO(free_sources) struct lp_source both[2] = {{.ops = NULL}, {.ops = NULL}};

	if (sources(t, n, both, err) || log_load(s, t->blob.p, n, err))
		return err->code;
	return lp_rafs_check(t->d, both, 2, err);
}

static enum lp_code check(const struct tocblob *t, size_t n, struct lp_err *err)
{
	LP_AUTO(log_free) struct logsink s = {.ended = false};

	return open_image(t, n, &s, err) ? err->code : check_opened(t, n, &s, err);
}

/* Bytes that say nothing which anybody goes by. */
struct harmless {
	uint32_t at, bytes;
	const char *what, *why;
};

#define NOT_READ "no reader of sections looks at it"
#define UNUSED "a section is found by the table of contents, its header is for those without"
#define LATER "features that a later writer of contexts has are more, A23"
#define DATA_ENTRY "chunks are found and verified by the bootstrap"
#define BOOT_ENTRY "not every writer puts a bootstrap there, and the image has its own"
#define ENTRY(k) (TOCBLOB_TOC + (k) * 128)

static const struct harmless toc_harmless[] = {
	{TOCBLOB_DATA_END, 512, "header of image.blob", UNUSED},
	{TOCBLOB_DIGESTS - 512, 512, "header of blob.meta", UNUSED},
	{TOCBLOB_DIGESTS + 128, 512, "header of blob.digest", UNUSED},
	{TOCBLOB_TOC - 512, 512, "header of image.boot", UNUSED},
	{ENTRY(0) + 4, 52, "image.blob: name, digest", DATA_ENTRY},
	{ENTRY(0) + 56, 1, "image.blob: low byte of its offset", DATA_ENTRY},
	{ENTRY(0) + 64, 1, "image.blob: low byte of its stored bytes", DATA_ENTRY},
	{ENTRY(0) + 72, 8, "image.blob: plain bytes", DATA_ENTRY},
	{ENTRY(0) + 80, 48, "image.blob: reserved", NOT_READ},
	{ENTRY(1) + 4, 4, "blob.meta: reserved", NOT_READ},
	{ENTRY(1) + 18, 6, "blob.meta: behind its name", NOT_READ},
	{ENTRY(1) + 80, 48, "blob.meta: reserved", NOT_READ},
	{ENTRY(2) + 4, 4, "blob.meta.header: reserved", NOT_READ},
	{ENTRY(2) + 80, 48, "blob.meta.header: reserved", NOT_READ},
	{ENTRY(3) + 4, 4, "blob.digest: reserved", NOT_READ},
	{ENTRY(3) + 20, 4, "blob.digest: behind its name", NOT_READ},
	{ENTRY(3) + 80, 48, "blob.digest: reserved", NOT_READ},
	{ENTRY(4) + 4, 4, "image.boot: reserved", NOT_READ},
	{ENTRY(4) + 8, 11, "image.boot: its name", BOOT_ENTRY},
	{ENTRY(4) + 19, 5, "image.boot: behind its name", NOT_READ},
	{ENTRY(4) + 80, 48, "image.boot: reserved", NOT_READ},
	{TOCBLOB_TOC_HEADER + 14, 86, "header of rafs.blob.toc: behind its name", NOT_READ},
	{TOCBLOB_TOC_HEADER + 100, 24, "its mode and owner", NOT_READ},
	{TOCBLOB_TOC_HEADER + 135, 21, "its end of size, time, sum", NOT_READ},
	{TOCBLOB_TOC_HEADER + 157, 100, "its link", NOT_READ},
	{TOCBLOB_TOC_HEADER + 262, 250, "its version, names, padding", NOT_READ},
	{0, 0, NULL, NULL},
};

static const struct harmless v6_harmless[] = {
	{5366 + 64 + 4, 4, "header of the contexts: features", LATER},
	{0, 0, NULL, NULL},
};

static const struct harmless v5_harmless[] = {{0, 0, NULL, NULL}};

static const struct harmless *find(const struct harmless *h, size_t at)
{
	for (; h->bytes; h++)
		if (at >= h->at && at - h->at < h->bytes)
			return h;
	return NULL;
}

static bool has_clause(const struct lp_err *err)
{
	return err->rule && lp_rule_find(err->rule);
}

/* Every byte; what is listed must be harmless, so that the list stays true. */
static void test_flipped(struct tocblob *t, const char *name, const struct harmless *list)
{
	LP_AUTO(log_free) struct logsink s = {.ended = false};
	size_t refused = 0, taken = 0, step = test_tortured() ? 1021 : 1;
	struct lp_err err;

	if (!CHECK(!open_image(t, t->blob.len, &s, &err), "%s is opened", name))
		return;
	for (size_t n = 0; n < t->blob.len; n += step) {
		const struct harmless *h = find(list, n);
		bool ok;

		t->blob.p[n] ^= 0x41;
		ok = !check_opened(t, t->blob.len, &s, &err);
		t->blob.p[n] ^= 0x41;
		refused += !ok && has_clause(&err);
		taken += ok && h;
		if (ok != (h != NULL) || (!ok && !has_clause(&err)))
			CHECK(test_tortured(), "%s, byte %zu (%s): %s, %s", name, n,
			      h ? h->what : "not listed", ok ? "taken" : "refused", err.msg);
	}
	CHECK(refused && (step > 1 || taken + refused == t->blob.len),
	      "%s: %zu flips are refused, %zu harmless", name, refused, taken);
}

/* No part of a blob is the blob. */
static void test_cut(struct tocblob *t, const char *name)
{
	size_t taken = 0;

	for (size_t n = 1; n < t->blob.len; n += test_tortured() ? 1021 : 1) {
		struct lp_err err;

		if (!check(t, n, &err) || !has_clause(&err)) {
			taken++;
			CHECK(test_tortured(), "%s of %zu bytes: %s, %s", name, n,
			      err.code ? "refused" : "taken", err.msg);
		}
	}
	CHECK(!taken, "%s: %zu shorter ones are taken", name, taken);
}

/* An edit of the blob or its bootstrap, and the rule that it breaks. */
struct edit {
	const char *rule;
	bool boot, seal;	/* seal: the digests in the table of contents are made right */
	uint32_t at;
	uint8_t bytes;
	uint64_t value;		/* little-endian */
};

#define BLOB false
#define BOOT true

static const struct edit edits[] = {
	{"codec.zstd.header", BLOB, true, 0, 4, 0},
	{"layer.chunk.digest", BOOT, false, 16384, 1, 0},

	/* contexts */
	{"rafs6.info.chunk", BLOB, true, TOCBLOB_INFO, 1, 1},			/* reserved */
	{"rafs6.info.chunk", BLOB, true, TOCBLOB_INFO + 1, 1, 0x40},		/* plain offset */
	{"rafs6.info.chunk", BLOB, true, TOCBLOB_INFO + 7, 1, 0x7f},		/* plain bytes */
	{"rafs6.info.chunk", BLOB, true, TOCBLOB_INFO + 16 + 8, 1, 0x7f},	/* stored offset */
	{"rafs6.info.chunk", BLOB, true, TOCBLOB_INFO + 32 + 13, 2, 0x7f},	/* stored bytes */
	{"rafs6.info.chunk", BLOB, true, TOCBLOB_INFO + 48, 8, 0},
	{"rafs.toc.digest", BLOB, false, TOCBLOB_INFO, 1, 1},
	{"rafs6.info.range", BOOT, false, TOCBLOB_ENTRY + 112, 8, TOCBLOB_END - 4159},
	{"rafs6.info.range", BOOT, false, TOCBLOB_ENTRY + 112, 8, UINT64_C(1) << 40},
	{"rafs6.info.header", BOOT, false, TOCBLOB_ENTRY + 112, 8, TOCBLOB_INFO + 1},
	{"codec.zstd.header", BOOT, false, TOCBLOB_ENTRY + 108, 4, 3},
	{"codec.gzip.header", BOOT, false, TOCBLOB_ENTRY + 108, 4, 2},
	{"codec.lz4.block", BOOT, false, TOCBLOB_ENTRY + 108, 4, 1},
	{"rafs6.blob.context", BOOT, false, TOCBLOB_ENTRY + 108, 4, 4},
	{"rafs6.blob.context", BOOT, false, TOCBLOB_ENTRY + 72, 4, 5},

	/* their header */
	{"rafs6.info.header", BLOB, true, TOCBLOB_HEAD, 4, 0xb10bb10c},
	{"rafs6.info.header", BLOB, true, TOCBLOB_HEAD + 8, 4, 3},
	{"rafs6.info.header", BLOB, true, TOCBLOB_HEAD + 12, 4, 3},
	{"rafs6.info.header", BLOB, true, TOCBLOB_HEAD + 16, 8, 0},
	{"rafs6.info.header", BLOB, true, TOCBLOB_HEAD + 24, 8, 63},
	{"rafs6.info.header", BLOB, true, TOCBLOB_HEAD + 32, 8, 65},
	{"rafs6.info.header", BLOB, true, TOCBLOB_HEAD + 40, 8, 96},
	{"rafs6.info.header", BLOB, true, TOCBLOB_HEAD + 48, 8, 40},
	{"rafs6.info.header", BLOB, true, TOCBLOB_HEAD + 56, 4, 1},
	{"rafs6.info.header", BLOB, true, TOCBLOB_HEAD + 2000, 1, 1},
	{"rafs6.info.header", BLOB, true, TOCBLOB_HEAD + 4092, 4, 0},
	{"rafs.toc.digest", BLOB, false, TOCBLOB_HEAD + 4, 4, 1},
	{NULL, BLOB, true, TOCBLOB_HEAD + 4, 4, 1},				/* A23 */

	/* digests */
	{"rafs.toc.digest", BLOB, false, TOCBLOB_DIGESTS + 40, 1, 0},
	{"rafs6.info.digest", BLOB, true, TOCBLOB_DIGESTS, 8, 0},
	{"rafs6.info.digest", BLOB, true, TOCBLOB_DIGESTS + 127, 1, 0},

	/* table of contents: contexts, their header, digests, bootstrap */
	{"rafs.toc.entry", BLOB, true, ENTRY(0), 4, 8},
	{"rafs.toc.entry", BLOB, true, ENTRY(1), 4, 0},
	{"rafs.toc.entry", BLOB, true, ENTRY(1), 4, 3},
	{"codec.zstd.header", BLOB, true, ENTRY(1), 4, 2},
	{"rafs.tail.missing", BLOB, true, ENTRY(1) + 8, 1, 'x'},
	{"rafs.tail.missing", BLOB, true, ENTRY(2) + 8 + 15, 1, 0},
	{"rafs.tail.missing", BLOB, true, ENTRY(3) + 8, 1, 0},
	{"rafs.toc.digest", BLOB, false, ENTRY(1) + 24, 1, 0},
	{"rafs.toc.digest", BLOB, false, ENTRY(2) + 55, 1, 0},
	{"rafs.toc.digest", BLOB, false, ENTRY(4) + 24, 1, 0},
	{"rafs6.info.listed", BLOB, true, ENTRY(1) + 56, 8, 0},
	{"rafs6.info.listed", BLOB, true, ENTRY(2) + 56, 8, 1},
	{"rafs6.info.digest", BLOB, true, ENTRY(3) + 56, 8, 2},
	{"rafs.toc.entry", BLOB, true, ENTRY(3) + 56, 8, TOCBLOB_TOC - 127},
	{"rafs.toc.entry", BLOB, true, ENTRY(3) + 56, 8, UINT64_MAX},
	{"rafs.toc.entry", BLOB, true, ENTRY(3) + 64, 8, UINT64_MAX},
	{"rafs.tail.size", BLOB, true, ENTRY(3) + 64, 8, 129},
	{"rafs.tail.size", BLOB, true, ENTRY(1) + 72, 8, 65},
	{"rafs6.info.listed", BLOB, true, ENTRY(1) + 72, 8, 48},
	{"rafs6.info.digest", BLOB, true, ENTRY(3) + 72, 8, 96},
	{"rafs6.info.digest", BLOB, true, ENTRY(3) + 72, 8, 0},
	{"codec.decode.short", BLOB, true, ENTRY(1) + 64, 8, 48},

	/* its header */
	{"rafs.tail.missing", BLOB, true, TOCBLOB_TOC_HEADER, 1, 'x'},
	{"rafs.tail.header", BLOB, true, TOCBLOB_TOC_HEADER + 124, 8, 0x3737373737373737},
	{"rafs.toc.entry", BLOB, true, TOCBLOB_TOC_HEADER + 134, 1, '1'},
	{"rafs.tail.missing", BLOB, true, TOCBLOB_TOC_HEADER + 131, 4, 0x30303230},	/* 128 */
	{"rafs.tail.header", BLOB, true, TOCBLOB_TOC_HEADER + 156, 1, '5'},
	{"rafs.tail.header", BLOB, true, TOCBLOB_TOC_HEADER + 257, 1, 0},
};

static void test_edits(struct tocblob *t)
{
	for (size_t k = 0; k < sizeof(edits) / sizeof(edits[0]); k += test_tortured() ? 5 : 1) {
		const struct edit *e = &edits[k];
		LP_AUTO(tocblob_free) struct tocblob bad = {.d = {t->d[0], t->d[1]}};
		struct lp_err err;
		uint8_t *at;

		if (lp_buf_add(&bad.boot, t->boot.p, t->boot.len, TOCBLOB_MAX, &err) ||
		    lp_buf_add(&bad.blob, t->blob.p, t->blob.len, TOCBLOB_MAX, &err))
			continue;
		at = (e->boot ? bad.boot.p : bad.blob.p) + e->at;
		for (unsigned b = 0; b < e->bytes; b++)
			at[b] = (uint8_t)(e->value >> 8 * b);
		if (e->seal)
			tocblob_seal(&bad.blob);
		check(&bad, bad.blob.len, &err);
		CHECK(!e->rule == !err.code && (!e->rule || (err.rule && !strcmp(err.rule, e->rule))),
		      "%#llx at %u: %s, not %s, %s", (unsigned long long)e->value, e->at,
		      e->rule ? e->rule : "nothing", err.code && err.rule ? err.rule : "nothing",
		      err.msg);
	}
}

/* A good copy, to which the table of contents leads, does not make up for bad contexts. */
static void test_copy(struct tocblob *t)
{
	LP_AUTO(tocblob_free) struct tocblob bad = {.d = {t->d[0], t->d[1]}};
	struct lp_err err;

	if (lp_buf_add(&bad.boot, t->boot.p, t->boot.len, TOCBLOB_MAX, &err) ||
	    lp_buf_add(&bad.blob, t->blob.p, t->blob.len, TOCBLOB_MAX, &err))
		return;
	/* The header of image.blob is used by nobody: its bytes become the copy. */
	memcpy(bad.blob.p + TOCBLOB_DATA_END, bad.blob.p + TOCBLOB_INFO, 64);
	bad.blob.p[ENTRY(1) + 56] = TOCBLOB_DATA_END & 0xff;
	bad.blob.p[ENTRY(1) + 57] = TOCBLOB_DATA_END >> 8;
	bad.blob.p[TOCBLOB_INFO + 8] ^= 1;
	CHECK(check(&bad, bad.blob.len, &err) && err.rule &&
	      !strcmp(err.rule, "rafs6.info.listed"), "contexts in two places: %s", err.msg);
}

static enum lp_code check_beside(const struct tocblob *t, const struct lp_buf *copy,
				 struct lp_err *err)
{
	LP_AUTO(free_sources) struct lp_source both[2] = {{.ops = NULL}, {.ops = NULL}};
	LP_AUTO(lp_buf_free) struct lp_buf layer = {.p = NULL};

	*err = (struct lp_err){.rule = NULL};
	if (tocblob_layer(t, copy, &layer, err) ||
	    lp_source_mem(&both[0], layer.p, layer.len, err) ||
	    lp_source_mem(&both[1], t->blob.p, t->blob.len, err))
		return err->code;
	return lp_rafs_check(t->d, both, 2, err);
}

/* Contexts beside the bootstrap, for whoever then asks no blob: each byte, each length. */
static void test_beside(const struct tocblob *t)
{
	LP_AUTO(lp_buf_free) struct lp_buf copy = {.p = NULL};
	struct lp_err err;
	size_t all, wrong = 0, step = test_tortured() ? 1021 : 3;

	if (tocblob_copy(t, &copy, &err) || lp_buf_add(&copy, "", 1, TOCBLOB_MAX, &err))
		return;
	all = copy.len - 1;
	for (size_t n = 0; n <= all + 1; n += n < 100 && step < 1021 ? 1 : step) {
		bool later = n >= 4096 + 4 && n < 4096 + 8; /* features, A23 */

		copy.len = all;
		if (n < all)
			copy.p[n] ^= 0x41;
		wrong += check_beside(t, &copy, &err) ? n == all || later || !has_clause(&err)
						       : n < all && !later;
		if (n < all)
			copy.p[n] ^= 0x41;
		copy.len = n;
		wrong += !check_beside(t, &copy, &err) != (n == all);
	}
	CHECK(!wrong || test_tortured(), "%zu wrong verdicts on contexts beside the bootstrap",
	      wrong);
}

/* Does `check` take the table of contents, if the blob table has @n bytes of it and @digest? */
static enum lp_code check_toc(struct tocblob *t, size_t n, const uint8_t *digest,
			      struct lp_err *err)
{
	uint8_t *entry = t->boot.p + TOCBLOB_ENTRY, saved[64];
	enum lp_code code;

	memcpy(saved, entry + 104, sizeof(saved));
	entry[104] = (uint8_t)n;
	entry[105] = (uint8_t)(n >> 8);
	entry[106] = (uint8_t)(n >> 16);
	memcpy(entry + 136, digest, LP_RAFS_DIGEST);
	code = check(t, t->blob.len, err);
	memcpy(entry + 104, saved, sizeof(saved));
	return code;
}

/* The digest of the table of contents in the blob table: both kinds, none, and others. */
static void test_toc_digest(struct tocblob *t)
{
	static const uint8_t none[LP_RAFS_DIGEST];
	static const size_t sizes[] = {511, 1152 - 128, 1152 + 128, 0x10080, 0xffffff};
	const uint8_t *toc = t->blob.p + TOCBLOB_TOC;
	struct lp_digest all, entries;
	struct lp_err err = {.rule = NULL};
	size_t n = TOCBLOB_END - TOCBLOB_TOC;

	lp_digest_of(LP_SHA256, toc, n, &all);
	lp_digest_of(LP_SHA256, toc, n - LP_RAFS_HEADER_BYTES, &entries);
	CHECK(!check_toc(t, n, all.b, &err) && !check_toc(t, n, entries.b, &err) &&
	      !check_toc(t, n, none, &err) && !check_toc(t, 0, all.b, &err),
	      "both digests of a table, and none: %s", err.msg);
	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++)
		CHECK(check_toc(t, sizes[i], all.b, &err) && err.rule &&
		      !strcmp(err.rule, "rafs6.info.toc"), "%zu bytes: %s", sizes[i], err.msg);
	all.b[7] ^= 1;
	CHECK(check_toc(t, n, all.b, &err) == LP_EDIGEST &&
	      !strcmp(err.rule, "rafs6.info.toc"), "another digest: %s", err.msg);
}

int main(void)
{
	LP_AUTO(tocblob_free) struct tocblob toc = {.blob = {.p = NULL}};
	LP_AUTO(tocblob_free) struct tocblob v6 = {.blob = {.p = NULL}};
	LP_AUTO(tocblob_free) struct tocblob v5 = {.blob = {.p = NULL}};
	struct lp_err err = {.rule = NULL};

	if (!CHECK(!tocblob_load(&toc, &err) && !image_load(&v6, 6, &err) &&
		   !image_load(&v5, 5, &err) && !check(&toc, toc.blob.len, &err) &&
		   !check(&v6, v6.blob.len, &err) && !check(&v5, v5.blob.len, &err),
		   "images of nydus-image are accepted: %s", err.msg))
		return test_done();
	test_toc_digest(&toc);
	test_edits(&toc);
	test_copy(&toc);
	test_beside(&toc);
	test_flipped(&toc, "v6 with a table of contents", toc_harmless);
	test_flipped(&v6, "v6 without", v6_harmless);
	test_flipped(&v5, "v5", v5_harmless);
	test_cut(&toc, "v6 with a table of contents");
	test_cut(&v6, "v6 without");
	test_cut(&v5, "v5");
	return test_done();
}
