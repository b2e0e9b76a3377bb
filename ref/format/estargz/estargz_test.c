// SPDX-License-Identifier: MIT
#include "base/file.h"
#include "format/estargz/footer.h"
#include "format/logsink.h"
#include "tree/tar.h"

#include "testing/test.h"

#include <fcntl.h>

#define GOLDEN "ref/testing/golden/"

extern const struct lp_format lp_fmt_estargz, lp_fmt_oci;

/* Blobs by stargz-snapshotter's own writers, from one tar but the first two. */
static const struct {
	const char *file, *toc_digest;
	const char *prefetch;	/* NULL: none */
	bool one;		/* from in-one.tar, not in-multi.tar */
} golden[] = {
	{"one-default.esgz", "11e064d397c43da15069495ab8cec7f9fad4e34198550208d717d67f3b91ebe9",
	 NULL, true},
	{"one-level0.esgz", "b37a0d055c564b3a55c816b30fad5999c9fce088d5653ca7bd02bcf767bc81b1",
	 NULL, true},
	{"multi-chunk4.esgz", "8e9f7140eb64a4662bb5baada35fbe84aa5e503c8dcf15f175043a14e451bbab",
	 NULL, false},
	{"multi-chunk4-prio.esgz",
	 "82b25862906d83789433cb896eba1cafa586ec84d5523da565fd4cb726f527e0", "0+4101 ", false},
	{"multi-chunk4-min64.esgz",
	 "af7237b8dc41ca95fce5e7692904b7102c2e8247e23846f6dc8e734b181a22bd", NULL, false},
	{"multi-chunk4-min100k.esgz",
	 "61bb8700df7baaf88276acb98154826a21b34b678a3250cc3fae46a76dfbaa33", "0+4101 ", false},
	{"multi-par4.esgz", "2f73f70888b1025b9156dcd1135841c15f0c5613d420ce29ea2a99c107a9b48a",
	 NULL, false},
	{"writer-lossy.esgz", "f5191436b5232ead3afb7a62542b608cd52e721330f1db2c5b0e80402ef4f402",
	 NULL, false},
	{"writer-lossless.esgz",
	 "f5191436b5232ead3afb7a62542b608cd52e721330f1db2c5b0e80402ef4f402", NULL, false},
};

/* A blob and its descriptor. */
struct blob {
	struct lp_buf raw;
	struct lp_source source;
	struct lp_descriptor d;
};

static void blob_free(struct blob *b)
{
	lp_source_free(&b->source);
	lp_descriptor_free(&b->d);
	lp_buf_free(&b->raw);
}

static enum lp_code blob_describe(struct blob *b, const char *toc_digest, struct lp_err *err)
{
	static const char type[] = "application/vnd.oci.image.layer.v1.tar+gzip";

	memcpy(b->d.media_type, type, sizeof(type));
	b->d.bytes = b->raw.len;
	if (toc_digest && lp_descriptor_set_note(&b->d, LP_NOTE_TOC_DIGEST, toc_digest, err))
		return err->code;
	return lp_source_mem(&b->source, b->raw.p, b->raw.len, err);
}

static enum lp_code blob_load(struct blob *b, const char *file, const char *hex,
			      struct lp_err *err)
{
	char path[128], text[LP_DIGEST_TEXT];

	snprintf(path, sizeof(path), GOLDEN "%s", file);
	snprintf(text, sizeof(text), "sha256:%s", hex ? hex : "");
	if (lp_file_load(AT_FDCWD, path, 1 << 20, &b->raw, err))
		return err->code;
	return blob_describe(b, hex ? text : NULL, err);
}

/* Read @b as @format into @s, and all of its data. */
static enum lp_code read_blob(struct blob *b, const struct lp_format *format, struct logsink *s,
			      struct lp_err *err)
{
	log_open(s);
	if (format->open(&b->d, &b->source, 1, NULL, &s->sink, err))
		return err->code;
	return format->stream ? LP_OK : log_load(s, b->raw.p, b->raw.len, err);
}

static void test_golden(void)
{
	struct logsink tar[2] = {0};
	struct lp_err err = {0};

	for (int i = 0; i < 2; i++) {
		LP_AUTO(blob_free) struct blob b = {0};

		CHECK(!blob_load(&b, i ? "in-one.tar" : "in-multi.tar", NULL, &err) &&
			      !read_blob(&b, &lp_fmt_oci, &tar[i], &err),
		      "the tar of %zu entries %s", tar[i].nentry, err.msg);
	}
	for (size_t i = 0; i < sizeof(golden) / sizeof(golden[0]); i++) {
		LP_AUTO(log_free) struct logsink s = {0};
		LP_AUTO(blob_free) struct blob b = {0};
		const struct logsink *want = &tar[golden[i].one];

		if (!CHECK(!blob_load(&b, golden[i].file, golden[i].toc_digest, &err) &&
				   !read_blob(&b, &lp_fmt_estargz, &s, &err),
			   "%s: %s", golden[i].file, err.msg))
			continue;
		CHECK(log_same_entries(&s, want), "%s: entries of the tar", golden[i].file);
		CHECK(!strcmp((const char *)s.prefetch.p, golden[i].prefetch ? golden[i].prefetch : ""),
		      "%s: prefetch %s", golden[i].file, (const char *)s.prefetch.p);
		CHECK(s.device_bytes == want->device_bytes && s.ended, "%s: device",
		      golden[i].file);
	}
	log_free(&tar[0]);
	log_free(&tar[1]);
}

static void test_refused(void)
{
	static const struct {
		const char *file, *toc_digest;
		enum lp_code want;
		const char *rule;
	} cases[] = {
		{"multi-chunk4.esgz", NULL, LP_EFORMAT, "estargz.toc-digest.missing"},
		{"multi-chunk4.esgz",
		 "11e064d397c43da15069495ab8cec7f9fad4e34198550208d717d67f3b91ebe9", LP_EDIGEST,
		 "estargz.toc-digest.mismatch"},
		{"multi-chunk4.esgz", "11e0", LP_EFORMAT, "estargz.toc-digest.grammar"},
		{"multi-chunk4.esgz",
		 "8E9f7140eb64a4662bb5baada35fbe84aa5e503c8dcf15f175043a14e451bbab", LP_EFORMAT,
		 "estargz.toc-digest.grammar"},
		{"multi-external.esgz",
		 "8e9f7140eb64a4662bb5baada35fbe84aa5e503c8dcf15f175043a14e451bbab", LP_EUNSUP,
		 "estargz.footer.external"},
		{"multi-chunk4.zstdchunked",
		 "ee8b57517ebc2879ac89520d20b5fdb1f7c1e8f1660595e90680df9c00e367d3", LP_EUNSUP,
		 "estargz.footer.zstd-chunked"},
		{"in-multi.tar", "8e9f7140eb64a4662bb5baada35fbe84aa5e503c8dcf15f175043a14e451bbab",
		 LP_EFORMAT, "estargz.footer.magic"},
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		LP_AUTO(log_free) struct logsink s = {0};
		LP_AUTO(blob_free) struct blob b = {0};
		struct lp_err err = {0};
		enum lp_code got;

		CHECK(!blob_load(&b, cases[i].file, cases[i].toc_digest, &err), "load %s",
		      err.msg);
		got = read_blob(&b, &lp_fmt_estargz, &s, &err);
		CHECK(got == cases[i].want && err.rule && !strcmp(err.rule, cases[i].rule) &&
			      !s.nentry, "%s: %s", cases[i].file, err.msg);
	}
}

static const uint8_t data[] = "0123456789";

/*
 * The members of a blob: data three times, the TOC entry @e with the text @json, the footer.
 * A size in @e is a lie that the entry tells.
 */
static enum lp_code craft(struct blob *b, const struct lp_entry *e, const char *name,
			  const char *json, struct lp_err *err)
{
	static const uint8_t zero[1536];
	LP_AUTO(lp_buf_free) struct lp_buf tar = {0};
	uint8_t footer[LP_FOOTER_BYTES];
	size_t n = strlen(json), toc_off;
	struct lp_entry toc = *e;
	struct lp_digest digest;
	char text[LP_DIGEST_TEXT];

	toc.path = name;
	if (!toc.size && S_ISREG(e->mode))
		toc.size = n;
	for (int i = 0; i < 3; i++)
		if (lp_codec_gzip.encode(data, 10, 6, &b->raw, err))
			return err->code;
	toc_off = b->raw.len;
	if (lp_tar_header(&toc, &tar, err) || lp_buf_add(&tar, json, n, 1 << 20, err) ||
	    lp_buf_add(&tar, zero, 1024 + lp_tar_pad(n), 1 << 20, err) ||
	    lp_codec_gzip.encode(tar.p, tar.len, 6, &b->raw, err))
		return err->code;
	lp_footer_print(toc_off, footer);
	lp_digest_of(LP_SHA256, json, n, &digest);
	lp_digest_text(&digest, text);
	if (lp_buf_add(&b->raw, footer, sizeof(footer), 1 << 20, err))
		return err->code;
	return blob_describe(b, text, err);
}

#define D "sha256:84d89877f0d4041efb6bf91a16f0248f2fd573e6af05c19f96bedb9f882f7882" /* of data */
#define D4 "sha256:1be2e452b46d7a0d9656bbb1f768e8248eba1b75baed65f5d99eafa948899a6a" /* "0123" */
#define REG(more) "{\"name\":\"a\",\"type\":\"reg\"" more "}"
#define CHUNK(more) ",{\"name\":\"a\",\"type\":\"chunk\"" more "}"
#define DIGEST(d) ",\"chunkDigest\":\"" d "\""
#define NODE(type, more) "{\"name\":\"a\",\"type\":\"" type "\"" more "}"

/* Entries of a TOC, and the rule that they break; NULL: none. */
static const struct {
	const char *entries, *rule;
} structures[] = {
	{REG(",\"size\":10" DIGEST(D)), NULL},
	{REG(",\"size\":10,\"digest\":\"" D "\""), NULL},
	{REG(",\"size\":10,\"chunkSize\":10" DIGEST(D)), NULL},
	{REG(",\"size\":4" DIGEST(D4)), NULL},
	{REG(",\"size\":8,\"chunkSize\":4" DIGEST(D4)) CHUNK(",\"chunkOffset\":4" DIGEST(D4)), NULL},
	{REG(",\"size\":10" DIGEST(D)) "," REG(""), NULL},
	{REG(""), NULL},
	{NODE("dir", ""), NULL}, {NODE("symlink", ",\"linkName\":\"/b\""), NULL},
	{NODE("char", ",\"devMajor\":1,\"devMinor\":3"), NULL},
	{REG(",\"size\":10"), "estargz.chunk.digest"},
	{REG(",\"size\":10" DIGEST("")), "estargz.chunk.digest"},
	{REG(",\"size\":10" DIGEST("md5:d41d8cd98f00b204e9800998ecf8427e")), "estargz.chunk.digest"},
	{REG(",\"size\":10" DIGEST("sha256:84D8")), "estargz.chunk.digest"},
	{REG(",\"size\":8,\"chunkSize\":4,\"digest\":\"" D "\""), "estargz.chunk.digest"},
	{REG(",\"size\":8,\"chunkSize\":4" DIGEST(D4)), "estargz.chunk.partition"},
	{REG(",\"size\":8,\"chunkSize\":4" DIGEST(D4)) "," REG(""), "estargz.chunk.partition"},
	{REG(",\"size\":8,\"chunkSize\":4" DIGEST(D4)) CHUNK(",\"chunkOffset\":5" DIGEST(D4)),
	 "estargz.chunk.partition"},
	{REG(",\"size\":8,\"chunkSize\":4" DIGEST(D4)) CHUNK(",\"chunkOffset\":3" DIGEST(D4)),
	 "estargz.chunk.partition"},
	{REG(",\"size\":8,\"chunkSize\":4" DIGEST(D4)) CHUNK(DIGEST(D4)), "estargz.chunk.partition"},
	{REG(",\"size\":8,\"chunkSize\":4" DIGEST(D4))
	 CHUNK(",\"chunkOffset\":4,\"chunkSize\":5" DIGEST(D4)), "estargz.chunk.partition"},
	{REG(",\"size\":8,\"chunkOffset\":4" DIGEST(D4)), "estargz.chunk.partition"},
	{REG(",\"size\":8,\"chunkSize\":9" DIGEST(D4)), "estargz.chunk.partition"},
	{REG(",\"size\":10" DIGEST(D)) CHUNK(",\"chunkOffset\":10" DIGEST(D)), "estargz.chunk.file"},
	{"{\"name\":\"a\",\"type\":\"chunk\"" DIGEST(D) "}", "estargz.chunk.file"},
	{NODE("dir", "") CHUNK(DIGEST(D)), "estargz.chunk.file"},
	{REG("") CHUNK(DIGEST(D)), "estargz.chunk.file"},
	{REG(",\"size\":8,\"chunkSize\":4" DIGEST(D4))
	 ",{\"name\":\"b\",\"type\":\"chunk\",\"chunkOffset\":4" DIGEST(D4) "}", "estargz.chunk.file"},
	{REG(",\"size\":10,\"offset\":99" DIGEST(D)), "estargz.chunk.offset"},
	{REG(",\"size\":10,\"offset\":9223372036854775807" DIGEST(D)), "estargz.chunk.offset"},
	{REG(",\"size\":17592186044416" DIGEST(D)) ",{\"name\":\"b\",\"type\":\"reg\",\"size\":1"
	 DIGEST(D) "}", "estargz.limit.device"},
	{NODE("symlink", ""), "estargz.entry.link"},
	{NODE("symlink", ",\"linkName\":\"\""), "estargz.entry.link"},
	{NODE("hardlink", ""), "estargz.entry.link"},
	{NODE("char", ""), "tar.device.reserved-overlay"},
	{"{\"name\":\".prefetch.landmark\",\"type\":\"dir\"}", "estargz.landmark.type"},
	{"{\"name\":\"/./.no.prefetch.landmark\",\"type\":\"fifo\"}", "estargz.landmark.type"},
	{"{\"name\":\"d/.wh.\",\"type\":\"reg\"}", "oci.layer.whiteout"},
	{"{\"name\":\".wh.a\",\"type\":\"dir\"}", "oci.layer.whiteout"},
	/* What the table cannot see, the data shows. */
	{REG(",\"size\":10" DIGEST(D4)), "layer.chunk.digest"},
	{REG(",\"size\":4,\"innerOffset\":1" DIGEST(D4)), "layer.chunk.digest"},
	{REG(",\"size\":11" DIGEST(D)), "layer.chunk.digest"},
	{REG(",\"size\":31" DIGEST(D)), "codec.decode.short"},
};

static const struct lp_entry regular = {.mode = S_IFREG};

static void test_structures(void)
{
	for (size_t i = 0; i < sizeof(structures) / sizeof(structures[0]); i++) {
		LP_AUTO(log_free) struct logsink s = {0};
		LP_AUTO(blob_free) struct blob b = {0};
		struct lp_err err = {0};
		char json[2048];
		bool bad;

		snprintf(json, sizeof(json), "{\"version\":1,\"entries\":[%s]}",
			 structures[i].entries);
		bad = craft(&b, &regular, "stargz.index.json", json, &err) ||
		      read_blob(&b, &lp_fmt_estargz, &s, &err);
		CHECK(bad ? structures[i].rule && err.rule && !strcmp(err.rule, structures[i].rule)
			  : !structures[i].rule, "%s: %s (%s)", structures[i].entries,
		      bad ? err.msg : "good", bad && err.rule ? err.rule : "");
	}
}

static void test_toc_entry(void)
{
	static const char json[] = "{\"version\":1,\"entries\":[]}";
	static const struct {
		const char *name;
		struct lp_entry e;
		const char *rule;
	} cases[] = {
		{"stargz.index.json", {.mode = S_IFREG}, NULL},
		{"stargz.index.jso", {.mode = S_IFREG}, "estargz.toc-entry.name"},
		{"d/stargz.index.json", {.mode = S_IFREG}, "estargz.toc-entry.name"},
		{"stargz.index.json", {.mode = S_IFIFO}, "estargz.toc-entry.type"},
		{"stargz.index.json", {.mode = S_IFREG, .size = 64 << 20}, "estargz.toc-entry.size"},
		{"stargz.index.json", {.mode = S_IFREG, .size = 151 << 20}, "estargz.limit.toc"},
		/* Behind a PAX header. */
		{"stargz.index.json", {.mode = S_IFREG, .mtime_ns = 1}, "estargz.toc-entry.name"},
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		LP_AUTO(log_free) struct logsink s = {0};
		LP_AUTO(blob_free) struct blob b = {0};
		struct lp_err err = {0};
		bool bad = craft(&b, &cases[i].e, cases[i].name, json, &err) ||
			   read_blob(&b, &lp_fmt_estargz, &s, &err);

		CHECK(bad ? cases[i].rule && err.rule && !strcmp(err.rule, cases[i].rule)
			  : !cases[i].rule, "the TOC's entry, case %zu: %s", i, err.msg);
	}
}

/* Landmarks, hidden and whiteouts. */
static void test_hidden(void)
{
	static const char json[] = "{\"version\":1,\"entries\":["
		"{\"name\":\"./a/../.prefetch.landmark\",\"type\":\"reg\",\"size\":4" DIGEST(D4) "},"
		"{\"name\":\"d/.prefetch.landmark\",\"type\":\"reg\",\"size\":4" DIGEST(D4) "},"
		"{\"name\":\"stargz.index.json\",\"type\":\"reg\",\"size\":4" DIGEST(D4) "},"
		"{\"name\":\"d/.wh.gone\",\"type\":\"reg\",\"size\":4" DIGEST(D4) "},"
		"{\"name\":\"d/.wh..wh..opq\",\"type\":\"reg\"},"
		"{\"name\":\".wh..wh.plnk\",\"type\":\"dir\"},"
		"{\"name\":\"b\",\"type\":\"reg\",\"size\":10" DIGEST(D) "}]}";
	LP_AUTO(log_free) struct logsink s = {0};
	LP_AUTO(blob_free) struct blob b = {0};
	struct lp_err err = {0};

	if (!CHECK(!craft(&b, &regular, "stargz.index.json", json, &err) &&
			   !read_blob(&b, &lp_fmt_estargz, &s, &err), "hidden: %s", err.msg))
		return;
	CHECK(s.nentry == 4 && !strstr((char *)s.entries.p, "index.json") &&
		      strstr((char *)s.entries.p, "d/.prefetch.landmark|0|") == (char *)s.entries.p,
	      "only the root's landmark and TOC are hidden");
	CHECK(strstr((char *)s.entries.p, "d/gone|2|") && strstr((char *)s.entries.p, "d|3|"),
	      "whiteouts");
	CHECK(s.device_bytes == 2 * LP_BLOCK && s.chunk.len == 2 * sizeof(struct log_chunk),
	      "what is hidden has no place");
}

/* Members in another order than files: frames and prefetch follow the blob. */
static void test_disorder(void)
{
	static const char json[] = "{\"version\":1,\"entries\":["
		"{\"name\":\"b\",\"type\":\"reg\",\"size\":10,\"offset\":%zu" DIGEST(D) "},"
		"{\"name\":\"a\",\"type\":\"reg\",\"size\":10" DIGEST(D) "},"
		"{\"name\":\"c\",\"type\":\"reg\",\"size\":4,\"offset\":%zu" DIGEST(D4) "},"
		"{\"name\":\".prefetch.landmark\",\"type\":\"reg\",\"size\":4,\"offset\":%zu"
		DIGEST(D4) "}%s]}";
	static const char none[] = ",{\"name\":\".no.prefetch.landmark\",\"type\":\"reg\"}";
	LP_AUTO(lp_buf_free) struct lp_buf one = {0};
	struct lp_err err = {0};
	char text[2048];

	CHECK(!lp_codec_gzip.encode(data, 10, 6, &one, &err), "encode");
	for (int i = 0; i < 2; i++) {
		LP_AUTO(log_free) struct logsink s = {0};
		LP_AUTO(blob_free) struct blob b = {0};
		const struct lp_frame *f;

		snprintf(text, sizeof(text), json, one.len, one.len, 2 * one.len, i ? none : "");
		if (!CHECK(!craft(&b, &regular, "stargz.index.json", text, &err) &&
				   !read_blob(&b, &lp_fmt_estargz, &s, &err), "%s", err.msg))
			continue;
		f = (const struct lp_frame *)(const void *)s.frame.p;
		CHECK(s.frame.len == 2 * sizeof(*f) && !f[0].off && f[0].stored_bytes == one.len &&
			      f[0].plain_bytes == 10 && f[1].off == one.len &&
			      f[1].stored_bytes == one.len && f[1].plain_bytes == 10, "frames");
		CHECK(!strcmp((char *)s.prefetch.p, i ? "" : "4096+10 0+10 8192+4 "),
		      "prefetch \"%s\"", (char *)s.prefetch.p);
	}
}

/* A source that counts what is read. */
struct counted {
	struct lp_source source;
	const struct lp_buf *raw;
	unsigned reads;
	uint64_t bytes;
};

static enum lp_code counted_read(struct lp_source *s, uint64_t off, void *p, size_t n,
				 struct lp_err *err)
{
	struct counted *c = (struct counted *)(void *)s;

	(void)err;
	memcpy(p, c->raw->p + off, n);
	c->reads++;
	c->bytes += n;
	return LP_OK;
}

/* A small TOC costs one read, one that does not fit a second, of what is missing. */
static void test_reads(void)
{
	static const struct lp_source_ops ops = {.name = "counted", .read = counted_read};
	static const unsigned entries[] = {1, 4500};
	static char json[250000];

	for (unsigned i = 0; i < 2; i++) {
		LP_AUTO(log_free) struct logsink s = {0};
		LP_AUTO(blob_free) struct blob b = {0};
		struct counted c = {{&ops, 0, NULL}, &b.raw, 0, 0};
		struct lp_err err = {0};
		struct lp_digest d;
		size_t n = 0;

		n += (size_t)snprintf(json, sizeof(json), "{\"version\":1,\"entries\":[");
		for (unsigned k = 0; k < entries[i]; k++) {
			lp_digest_of(LP_SHA256, &k, sizeof(k), &d); /* noise: deflate cannot */
			n += (size_t)snprintf(json + n, sizeof(json) - n,
					      "%s{\"name\":\"%08x%08x%02x\",\"type\":\"dir\"}",
					      k ? "," : "", *(const uint32_t *)(void *)d.b,
					      *(const uint32_t *)(void *)(d.b + 4), d.b[8]);
		}
		snprintf(json + n, sizeof(json) - n, "]}");
		if (!CHECK(!craft(&b, &regular, "stargz.index.json", json, &err), "craft"))
			continue;
		c.source.bytes = b.raw.len;
		log_open(&s);
		CHECK(!lp_fmt_estargz.open(&b.d, &c.source, 1, NULL, &s.sink, &err) &&
			      s.nentry == entries[i] && c.reads == 1 + i && c.bytes <= b.raw.len,
		      "%zu entries: %u reads, %" PRIu64 " of %zu bytes %s", s.nentry, c.reads,
		      c.bytes, b.raw.len, err.msg);
	}
}

/* The end of a blob of 1 GiB whose TOC is all of it. */
static enum lp_code huge_read(struct lp_source *s, uint64_t off, void *p, size_t n,
			      struct lp_err *err)
{
	uint8_t footer[LP_FOOTER_BYTES];

	(void)err;
	lp_footer_print(0, footer);
	memset(p, 0, n);
	if (off + n == s->bytes && n >= sizeof(footer))
		memcpy((uint8_t *)p + n - sizeof(footer), footer, sizeof(footer));
	return LP_OK;
}

static void test_huge(void)
{
	static const struct lp_source_ops ops = {.name = "huge", .read = huge_read};
	static const struct lp_open_options lenient = {.allow_unverified = true};
	struct lp_source source = {&ops, (uint64_t)1 << 30, NULL};
	LP_AUTO(log_free) struct logsink s = {0};
	struct lp_descriptor d = {0};
	struct lp_err err = {0};

	log_open(&s);
	CHECK(lp_fmt_estargz.open(&d, &source, 1, &lenient, &s.sink, &err) == LP_ELIMIT &&
		      err.rule && !strcmp(err.rule, "estargz.limit.toc"), "%s", err.msg);
}

int main(void)
{
	test_golden();
	test_refused();
	test_structures();
	test_toc_entry();
	test_hidden();
	test_disorder();
	test_reads();
	test_huge();
	return test_done();
}
