// SPDX-License-Identifier: MIT
#include "format/estargz/build.h"

#include "base/file.h"
#include "format/estargz/blob.h"
#include "format/logsink.h"
#include "tree/tar.h"

#include "testing/test.h"

#include <fcntl.h>
#include <stdlib.h>

#define GOLDEN "ref/testing/golden/"
#define BYTES_MAX ((size_t)64 << 20)

extern const struct lp_format lp_fmt_estargz, lp_fmt_oci;

/* A sink into a spool, and a writer into a buffer. */
struct spool_sink {
	struct lp_sink sink;
	struct lp_spool *to;
};

static enum lp_code spool_entry(struct lp_sink *s, const struct lp_entry *e, struct lp_err *err)
{
	return lp_spool_add(((struct spool_sink *)(void *)s)->to, e, err);
}

static enum lp_code spool_body(struct lp_sink *s, const void *p, size_t n, struct lp_err *err)
{
	return lp_spool_body(((struct spool_sink *)(void *)s)->to, p, n, err);
}

static enum lp_code open_spool(struct lp_spool *s, struct lp_err *err)
{
	LP_AUTO(lp_fd_close) int tmp = open("/tmp", O_DIRECTORY | O_CLOEXEC);

	return lp_spool_open(s, tmp, err);
}

/* The entries of the legacy layer @raw. */
static enum lp_code fill_spool(struct lp_spool *s, const struct lp_buf *raw, struct lp_err *err)
{
	struct spool_sink sink = {{.entry = spool_entry, .body = spool_body}, s};
	LP_AUTO(lp_source_free) struct lp_source source = {0};
	struct lp_descriptor d = {0};

	if (open_spool(s, err) || lp_source_mem(&source, raw->p, raw->len, err))
		return err->code;
	return lp_fmt_oci.open(&d, &source, 1, NULL, &sink.sink, err);
}

static enum lp_code build(const struct lp_format *f, const struct lp_spool *s,
			  const struct lp_build_options *o, struct lp_buf *out,
			  struct lp_built *built, struct lp_err *err)
{
	struct lp_buf_writer w = LP_BUF_WRITER(BYTES_MAX);
	enum lp_code code = f->build_layer(s, o, &w.writer, built, err);

	lp_buf_move(out, &w.buf);
	return code;
}

/* Read @raw as @f, which built it. */
static enum lp_code read_back(const struct lp_format *f, const struct lp_buf *raw,
			      const struct lp_built *built, struct logsink *s, struct lp_err *err)
{
	LP_AUTO(lp_source_free) struct lp_source source = {0};
	LP_AUTO(lp_descriptor_free) struct lp_descriptor d = {0};

	log_open(s);
	for (size_t i = 0; i < built->nnote; i++)
		if (lp_descriptor_set_note(&d, built->note[i].key, built->note[i].value, err))
			return err->code;
	if (lp_source_mem(&source, raw->p, raw->len, err) ||
	    f->open(&d, &source, 1, NULL, &s->sink, err))
		return err->code;
	return f->stream ? LP_OK : log_load(s, raw->p, raw->len, err);
}

/* The TOC of the blob @raw without what a deflater or we decide: offsets, names of owners. */
static enum lp_code plain_toc(const struct lp_buf *raw, struct lp_buf *out, struct lp_err *err)
{
	static const struct lp_open_options lenient = {.allow_unverified = true};
	static const char *const dropped[] = {"offset", "userName", "groupName"};
	LP_AUTO(lp_blob_free) struct lp_blob_toc toc = {0};
	LP_AUTO(lp_source_free) struct lp_source source = {0};
	struct lp_descriptor d = {0};

	if (lp_source_mem(&source, raw->p, raw->len, err) ||
	    lp_blob_load(&d, &source, &lenient, &toc, err))
		return err->code;
	for (char *p = toc.json, *end = p + toc.json_bytes; p < end;) {
		char *nl = memchr(p, '\n', (size_t)(end - p));
		size_t n = nl ? (size_t)(nl - p) + 1 : (size_t)(end - p);
		bool drop = false;

		for (size_t i = 0; i < 3; i++)
			drop |= n > 4 && p[3] == '"' &&
				!strncmp(p + 4, dropped[i], strlen(dropped[i]));
		if (!drop && lp_buf_add(out, p, n, BYTES_MAX, err))
			return err->code;
		p += n;
	}
	return LP_OK;
}

/* All plain bytes of the members of @raw. */
static enum lp_code inflate(const struct lp_buf *raw, struct lp_buf *out, struct lp_err *err)
{
	LP_AUTO(lp_decoder_free) struct lp_decoder d = {0};
	struct lp_mem_reader mem;
	size_t got = 1;

	lp_mem_reader_open(&mem, raw->p, raw->len);
	if (lp_decoder_open(&d, lp_codec_guess(raw->p, raw->len), &mem.reader, err))
		return err->code;
	while (got) {
		if (lp_buf_reserve(out, 4096, BYTES_MAX, err) ||
		    lp_read(&d.reader, out->p + out->len, 4096, &got, err))
			return err->code;
		out->len += got;
	}
	return LP_OK;
}

/* Blank what Go writes and we have no place for: names of owners, and so the checksum. */
static void blank_owners(struct lp_buf *tar)
{
	for (size_t at = 0; at + 512 <= tar->len; at += 512) {
		if (memcmp(tar->p + at + 257, "ustar", 5) != 0)
			continue;
		memset(tar->p + at + 148, 0, 8);
		memset(tar->p + at + 265, 0, 64);
	}
}

static bool same(const struct lp_buf *a, const struct lp_buf *b, size_t n)
{
	return a->len >= n && b->len >= n && (!n || !memcmp(a->p, b->p, n));
}

/* What Go's writer made of in-multi.tar, chunks of 4 bytes, against what we make. */
static const struct {
	const char *file;
	const char *const prefetch[4];
	size_t n;
	size_t plain_bytes;	/* before the TOC: its members in spec/estargz.md, appendix C */
} golden[] = {
	{"multi-chunk4.esgz", {NULL}, 0, 9728},
	{"multi-chunk4-prio.esgz", {"f", "h", "absent", "f"}, 4, 9728},
};

static void test_golden(const struct lp_spool *in)
{
	for (size_t i = 0; i < sizeof(golden) / sizeof(golden[0]); i++) {
		LP_AUTO(lp_buf_free) struct lp_buf want = {0}, got = {0}, want_toc = {0},
			got_toc = {0}, want_tar = {0}, got_tar = {0};
		struct lp_build_options o = {
			.level = 9, .chunk_bytes = 4,
			.prefetch = golden[i].prefetch, .nprefetch = golden[i].n,
		};
		struct lp_err err = {0};
		struct lp_built built;
		char path[100];

		snprintf(path, sizeof(path), GOLDEN "%s", golden[i].file);
		if (!CHECK(!lp_file_load(AT_FDCWD, path, 1 << 20, &want, &err) &&
				   !build(&lp_fmt_estargz, in, &o, &got, &built, &err),
			   "%s: %s", golden[i].file, err.msg))
			continue;
		CHECK(!plain_toc(&want, &want_toc, &err) && !plain_toc(&got, &got_toc, &err) &&
			      want_toc.len == got_toc.len && same(&want_toc, &got_toc, want_toc.len),
		      "%s: the TOC but for offsets %s", golden[i].file, err.msg);
		CHECK(!inflate(&want, &want_tar, &err) && !inflate(&got, &got_tar, &err),
		      "%s: one gzip stream %s", golden[i].file, err.msg);
		CHECK(built.plain_bytes == got_tar.len, "%s: its length", golden[i].file);
		blank_owners(&want_tar);
		blank_owners(&got_tar);
		CHECK(same(&want_tar, &got_tar, golden[i].plain_bytes),
		      "%s: the tar but for names of owners", golden[i].file);
	}
}

static void test_threads(const struct lp_spool *in)
{
	static const struct lp_format *const formats[] = {&lp_fmt_estargz, &lp_fmt_oci};
	struct lp_err err = {0};

	for (size_t f = 0; f < 2; f++) {
		LP_AUTO(lp_buf_free) struct lp_buf alone = {0};
		struct lp_build_options o = {.level = 1, .chunk_bytes = 100000};
		struct lp_built built[2];

		CHECK(!build(formats[f], in, &o, &alone, &built[0], &err), "%s: no threads %s",
		      formats[f]->name, err.msg);
		for (size_t n = 1; n <= 4; n += 3) {
			LP_AUTO(lp_buf_free) struct lp_buf many = {0};
			LP_AUTO(lp_pool_free) struct lp_pool pool = {0};

			if (!CHECK(!lp_pool_start(&pool, n, &err), "%zu threads", n))
				return;
			o.pool = &pool;
			CHECK(!build(formats[f], in, &o, &many, &built[1], &err) &&
				      alone.len == many.len && same(&alone, &many, alone.len) &&
				      lp_digest_equal(&built[0].diffid, &built[1].diffid),
			      "%s: the same bytes with %zu threads", formats[f]->name, n);
		}
	}
}

/* A few batches: small files, two large ones, and headers in a row. */
static enum lp_code fill_big(struct lp_spool *s, struct lp_err *err)
{
	static uint8_t body[800 << 10];
	char path[64];

	for (size_t i = 0; i < sizeof(body); i++)
		body[i] = (uint8_t)(i * 7 + (i >> 9) * 13 + (i >> 17));
	if (open_spool(s, err))
		return err->code;
	for (unsigned i = 0; i < 150; i++) {
		struct lp_entry e = {.path = path, .mode = S_IFREG | 0644, .mtime = i};

		snprintf(path, sizeof(path), "d%u/f%u", i % 7, i);
		e.size = i % 50 == 49 ? sizeof(body) - i : i * 30;
		if (i >= 100)
			e = (struct lp_entry){.path = path, .mode = S_IFDIR | 0755};
		if (lp_spool_add(s, &e, err) || lp_spool_body(s, body + i, e.size, err))
			return err->code;
	}
	return LP_OK;
}

static void test_round_trips(const struct lp_spool *in, const char *what)
{
	static const struct {
		const struct lp_format *f;
		const struct lp_codec *codec;
		uint64_t chunk_bytes;
	} cases[] = {
		{&lp_fmt_estargz, NULL, 0}, {&lp_fmt_estargz, &lp_codec_gzip, 50000},
		{&lp_fmt_oci, NULL, 0}, {&lp_fmt_oci, &lp_codec_zstd, 0},
		{&lp_fmt_oci, &lp_codec_none, 0},
	};
	LP_AUTO(log_free) struct logsink first = {0};
	struct lp_err err = {0};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		LP_AUTO(lp_buf_free) struct lp_buf raw = {0}, tar = {0};
		LP_AUTO(log_free) struct logsink s = {0};
		struct lp_build_options o = {.codec = cases[i].codec, .level = LP_LEVEL_DEFAULT,
					     .chunk_bytes = cases[i].chunk_bytes};
		struct lp_built built = {0};
		struct lp_digest diffid;

		if (!CHECK(!build(cases[i].f, in, &o, &raw, &built, &err) &&
				   !read_back(cases[i].f, &raw, &built, i ? &s : &first, &err),
			   "%s: %s %zu: %s", what, cases[i].f->name, i, err.msg))
			continue;
		CHECK(!inflate(&raw, &tar, &err) && tar.len == built.plain_bytes, "%s: length %s",
		      what, err.msg);
		lp_digest_of(LP_SHA256, tar.p, tar.len, &diffid);
		CHECK(lp_digest_equal(&diffid, &built.diffid) &&
			      (!cases[i].f->stream || lp_digest_equal(&diffid, &s.diffid)),
		      "%s: diffID", what);
		CHECK(!i || (first.ended && !strcmp((char *)s.entries.p, (char *)first.entries.p) &&
			     s.device.len == first.device.len &&
			     same(&s.device, &first.device, first.device.len)),
		      "%s: %s: the same entries and data", what, cases[i].f->name);
	}
}

static void test_refused(void)
{
	static const struct lp_entry cases[] = {
		{.path = "caf\xe9", .mode = S_IFREG},
		{.path = "a", .link = "\xff", .mode = S_IFLNK},
		{.path = "a", .mode = S_IFREG, .mtime = INT64_MAX / 2},
	};
	static const char *const rules[] = {
		"estargz.write.utf8", "estargz.write.utf8", "estargz.entry.modtime",
	};
	struct lp_build_options o = {.level = 6, .codec = &lp_codec_zstd};
	struct lp_built built;

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		LP_AUTO(lp_spool_free) struct lp_spool s = {.fd = -1};
		LP_AUTO(lp_buf_free) struct lp_buf raw = {0};
		struct lp_err err = {0};

		CHECK(!open_spool(&s, &err) && !lp_spool_add(&s, &cases[i], &err), "spool");
		o.codec = &lp_codec_zstd;
		CHECK(build(&lp_fmt_estargz, &s, &o, &raw, &built, &err) == LP_EUSAGE, "zstd: %s",
		      err.msg);
		o.codec = NULL;
		o.chunk_bytes = LP_FRAME_MAX + 1;
		CHECK(build(&lp_fmt_estargz, &s, &o, &raw, &built, &err) == LP_EUSAGE,
		      "chunks too large: %s", err.msg);
		o.chunk_bytes = 0;
		CHECK(build(&lp_fmt_estargz, &s, &o, &raw, &built, &err) == LP_EUNSUP &&
			      err.rule && !strcmp(err.rule, rules[i]), "case %zu: %s", i, err.msg);
		CHECK(!lp_fmt_oci.build_layer || i > 1 ||
			      !build(&lp_fmt_oci, &s, &o, &raw, &built, &err),
		      "a tar can hold it %s", err.msg);
	}
}

/* Old landmarks, an old TOC and earlier entries of one name are not written. */
static void test_dropped(void)
{
	static const struct lp_entry entries[] = {
		{.path = "", .mode = S_IFDIR | 0755}, {.path = ".prefetch.landmark", .mode = S_IFREG},
		{.path = "stargz.index.json", .mode = S_IFREG}, {.path = "d", .mode = S_IFDIR},
		{.path = "d/a", .mode = S_IFREG}, {.path = "d", .kind = LP_ENTRY_OPAQUE},
		{.path = "d/a", .kind = LP_ENTRY_WHITEOUT}, {.path = "b", .mode = S_IFREG},
		{.path = "h", .kind = LP_ENTRY_HARDLINK, .link = "d/a", .mode = S_IFREG},
		{.path = "i", .kind = LP_ENTRY_HARDLINK, .link = "k", .mode = S_IFREG},
		{.path = "k", .kind = LP_ENTRY_HARDLINK, .link = "i", .mode = S_IFREG},
		{.path = "d/a", .mode = S_IFREG, .uid = 5},
	};
	static const char *const prefetch[] = {"i", "h", "stargz.index.json"};
	/* The cycle of links, then what h needs, the rest as it came. */
	static const char want[] = "|k|i|d|d/a|h|d|d/a|b|";
	LP_AUTO(lp_spool_free) struct lp_spool s = {.fd = -1};
	LP_AUTO(lp_buf_free) struct lp_buf raw = {0};
	LP_AUTO(log_free) struct logsink log = {0};
	struct lp_build_options o = {.level = 1, .prefetch = prefetch, .nprefetch = 3};
	struct lp_err err = {0};
	struct lp_built built;
	char got[200] = "";
	size_t n = 0;

	CHECK(!open_spool(&s, &err), "spool");
	for (size_t i = 0; i < sizeof(entries) / sizeof(entries[0]); i++)
		CHECK(!lp_spool_add(&s, &entries[i], &err), "add %s", err.msg);
	if (!CHECK(!build(&lp_fmt_estargz, &s, &o, &raw, &built, &err) &&
			   !read_back(&lp_fmt_estargz, &raw, &built, &log, &err), "%s", err.msg))
		return;
	for (char *p = (char *)log.entries.p; *p; p = strchr(p, '\n') + 1)
		n += (size_t)snprintf(got + n, sizeof(got) - n, "%.*s|", (int)strcspn(p, "|"), p);
	CHECK(!strcmp(got, want), "order %s", got);
	CHECK(strstr((char *)log.entries.p, "\nd/a|0|100000|5:0|"), "the later d/a stays");
	CHECK(built.nnote == 2 && !strcmp(built.note[0].key, LP_NOTE_TOC_DIGEST) &&
		      !strcmp(built.note[1].key, LP_NOTE_PLAIN_BYTES), "annotations");
}

int main(void)
{
	LP_AUTO(lp_spool_free) struct lp_spool multi = {.fd = -1}, big = {.fd = -1},
		empty = {.fd = -1};
	LP_AUTO(lp_buf_free) struct lp_buf tar = {0};
	struct lp_err err = {0};

	if (CHECK(!lp_file_load(AT_FDCWD, GOLDEN "in-multi.tar", 1 << 20, &tar, &err) &&
			  !fill_spool(&multi, &tar, &err), "in-multi.tar %s", err.msg)) {
		test_golden(&multi);
		test_round_trips(&multi, "in-multi.tar");
	}
	if (CHECK(!fill_big(&big, &err), "a big spool %s", err.msg)) {
		test_threads(&big);
		test_round_trips(&big, "big");
	}
	if (CHECK(!open_spool(&empty, &err), "an empty spool"))
		test_round_trips(&empty, "empty");
	test_refused();
	test_dropped();
	return test_done();
}
