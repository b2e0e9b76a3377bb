// SPDX-License-Identifier: MIT
#include "base/file.h"
#include "format/logsink.h"
#include "tree/tar.h"

#include "testing/test.h"

#include <fcntl.h>

#define GOLDEN "ref/testing/golden/"
#define BYTES_MAX ((size_t)1 << 20)

extern const struct lp_format lp_fmt_estargz, lp_fmt_oci;

#define OCI "application/vnd.oci.image.layer.v1.tar"
#define DOCKER "application/vnd.docker.image.rootfs.diff.tar.gzip"

static void test_formats(void)
{
	static const struct {
		const char *media_type;
		bool toc;		/* has the annotation */
		const struct lp_format *want;	/* NULL: refused */
	} cases[] = {
		{OCI, false, &lp_fmt_oci}, {OCI "+gzip", false, &lp_fmt_oci},
		{OCI "+zstd", false, &lp_fmt_oci}, {DOCKER, false, &lp_fmt_oci},
		{OCI "+gzip", true, &lp_fmt_estargz}, {DOCKER, true, &lp_fmt_estargz},
		{OCI "+zstd", true, &lp_fmt_oci}, {OCI, true, &lp_fmt_oci},
		{OCI "+gzip+encrypted", false, NULL}, {"application/wasm", true, NULL}, {"", false, NULL},
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		LP_AUTO(lp_descriptor_free) struct lp_descriptor d = {0};
		const struct lp_format *got = NULL;
		struct lp_err err = {0};
		enum lp_code code = LP_OK;

		snprintf(d.media_type, sizeof(d.media_type), "%s", cases[i].media_type);
		if (cases[i].toc)
			code = lp_descriptor_set_note(&d, LP_NOTE_TOC_DIGEST, "sha256:00", &err);
		if (!code)
			code = lp_format_of(&d, NULL, NULL, &got, &err);
		CHECK(cases[i].want ? !code && got == cases[i].want
				    : code == LP_EUNSUP && err.rule &&
				      !strcmp(err.rule, "oci.layer.media-type"),
		      "\"%s\"%s is %s", cases[i].media_type, cases[i].toc ? " with a TOC" : "",
		      got ? got->name : err.msg);
	}
}

/* Without the annotation, the blob's end tells; only when that is allowed. */
static void test_unverified(void)
{
	static const struct lp_open_options lenient = {.allow_unverified = true}, strict = {0};
	LP_AUTO(lp_source_free) struct lp_source source = {0};
	LP_AUTO(lp_buf_free) struct lp_buf raw = {0};
	LP_AUTO(log_free) struct logsink s = {0};
	struct lp_descriptor d = {.media_type = OCI "+gzip"};
	const struct lp_format *got = NULL;
	struct lp_err err = {0};

	CHECK(!lp_file_load(AT_FDCWD, GOLDEN "one-default.esgz", BYTES_MAX, &raw, &err) &&
		      !lp_source_mem(&source, raw.p, raw.len, &err), "load %s", err.msg);
	CHECK(!lp_format_of(&d, &source, &strict, &got, &err) && got == &lp_fmt_oci,
	      "no annotation: legacy");
	CHECK(!lp_format_of(&d, &source, &lenient, &got, &err) && got == &lp_fmt_estargz,
	      "no annotation, but a footer: eStargz");
	log_open(&s);
	CHECK(!lp_fmt_estargz.open(&d, &source, 1, &lenient, &s.sink, &err) && s.nentry == 1,
	      "and it opens %s", err.msg);
	CHECK(lp_fmt_estargz.open(&d, &source, 2, &lenient, &s.sink, &err) == LP_EUSAGE &&
		      lp_fmt_oci.open(&d, &source, 2, &lenient, &s.sink, &err) == LP_EUSAGE,
	      "a layer is one blob");
}

/* @raw as a legacy layer; the result, and what was told, in @s. */
static enum lp_code read_layer(const void *p, size_t n, struct logsink *s, struct lp_err *err)
{
	LP_AUTO(lp_source_free) struct lp_source source = {0};
	struct lp_descriptor d = {0};

	log_open(s);
	if (lp_source_mem(&source, p, n, err))
		return err->code;
	return lp_fmt_oci.open(&d, &source, 1, NULL, &s->sink, err);
}

static void test_codecs(const struct lp_buf *tar)
{
	static const struct lp_codec *const codecs[] = {
		&lp_codec_none, &lp_codec_gzip, &lp_codec_zstd,
	};
	LP_AUTO(log_free) struct logsink first = {0};
	struct lp_digest diffid;

	lp_digest_of(LP_SHA256, tar->p, tar->len, &diffid);
	for (size_t i = 0; i < 3; i++) {
		LP_AUTO(log_free) struct logsink s = {0};
		LP_AUTO(lp_buf_free) struct lp_buf raw = {0};
		const struct lp_frame *f;
		struct lp_err err = {0};
		size_t half = tar->len / 2;

		/* Two members or frames: one stream. */
		if (!CHECK(!codecs[i]->encode(tar->p, half, 1, &raw, &err) &&
				   !codecs[i]->encode(tar->p + half, tar->len - half, 1, &raw, &err) &&
				   !read_layer(raw.p, raw.len, i ? &s : &first, &err),
			   "%s %s", codecs[i]->name, err.msg))
			continue;
		CHECK(lp_digest_equal(&(i ? &s : &first)->diffid, &diffid), "%s: diffID",
		      codecs[i]->name);
		f = (const struct lp_frame *)(const void *)(i ? &s : &first)->frame.p;
		CHECK(f && !f->off && f->stored_bytes == raw.len && f->plain_bytes == tar->len &&
			      f->codec == codecs[i]->id, "%s: one frame", codecs[i]->name);
		CHECK(!i || (first.ended && !strcmp((char *)s.entries.p, (char *)first.entries.p) &&
			     s.device.len == first.device.len &&
			     !memcmp(s.device.p, first.device.p, s.device.len)),
		      "%s: the same entries and bodies", codecs[i]->name);
		log_free(&s);
		CHECK(i == 0 || read_layer(raw.p, raw.len - 1, &s, &err),
		      "%s: one byte short: %s", codecs[i]->name, err.msg);
	}
}

/* A sink that compares where bodies are said to lie with the tar itself. */
struct placing {
	struct lp_sink sink;
	const struct lp_buf *tar;
	uint64_t start[64];	/* of frames, in the tar */
	uint32_t nframe;
	bool right;
};

static enum lp_code placing_frame(struct lp_sink *s, const struct lp_frame *f,
				  const uint8_t *window, uint32_t *index, struct lp_err *err)
{
	struct placing *g = (struct placing *)(void *)s;

	(void)window, (void)err;
	g->right = g->right && g->nframe + 1 < 64;
	*index = g->nframe;
	if (g->right)
		g->start[++g->nframe] = g->start[*index] + f->plain_bytes;
	return LP_OK;
}

static enum lp_code placing_entry(struct lp_sink *s, const struct lp_entry *e, struct lp_err *err)
{
	(void)s, (void)e, (void)err;
	return LP_OK;
}

static enum lp_code placing_body(struct lp_sink *s, const void *p, size_t n, struct lp_err *err)
{
	struct placing *g = (struct placing *)(void *)s;
	uint64_t at = s->frame_off;

	(void)err;
	g->right = g->right && s->in_frame <= g->nframe;
	at += g->right ? g->start[s->in_frame] : 0;
	g->right = g->right && at + n <= g->tar->len && !memcmp(g->tar->p + at, p, n);
	return LP_OK;
}

static void test_places(const struct lp_buf *tar, const struct lp_buf *blob)
{
	struct placing g = {
		.sink = {.frame = placing_frame, .entry = placing_entry, .body = placing_body},
		.tar = tar, .right = true,
	};
	LP_AUTO(lp_source_free) struct lp_source source = {0};
	struct lp_descriptor d = {0};
	struct lp_err err = {0};

	CHECK(!lp_source_mem(&source, blob->p, blob->len, &err) &&
		      !lp_fmt_oci.open(&d, &source, 1, NULL, &g.sink, &err) && g.right,
	      "bodies lie where it is said %s", err.msg);
}

/* A tar of one file of @n bytes, words and noise. */
static enum lp_code make_large(struct lp_buf *tar, size_t n, struct lp_err *err)
{
	struct lp_entry e = {.path = "large", .mode = S_IFREG | 0644, .size = n};
	static const uint8_t zero[LP_TAR_EOF_BYTES];
	uint32_t state = 1;

	if (lp_tar_header(&e, tar, err) || lp_buf_reserve(tar, n, SIZE_MAX, err))
		return err->code;
	for (size_t i = 0; i < n; i++) {
		state = state * 1103515245 + 12345;
		tar->p[tar->len++] = state >> 30 ? (uint8_t)"a word, "[state >> 16 & 7]
						 : (uint8_t)(state >> 16);
	}
	return lp_buf_add(tar, zero, lp_tar_pad(n) + sizeof(zero) - 512 * !lp_tar_pad(n), SIZE_MAX,
			  err);
}

/* A large layer has frames from which each part of it can be had alone. */
static void test_frames(const struct lp_codec *codec, size_t windows)
{
	LP_AUTO(lp_buf_free) struct lp_buf tar = {0}, raw = {0};
	LP_AUTO(log_free) struct logsink s = {0};
	const struct lp_frame *f;
	struct lp_err err = {0};
	uint64_t at = 0;
	size_t n;

	if (!CHECK(!make_large(&tar, 21 << 20, &err) &&
		   !codec->encode(tar.p, tar.len, 1, &raw, &err) &&
		   !read_layer(raw.p, raw.len, &s, &err), "%s: a large layer %s", codec->name,
		   err.msg))
		return;
	f = (const struct lp_frame *)(const void *)s.frame.p;
	n = s.frame.len / sizeof(*f);
	CHECK(s.window.len == windows * LP_WINDOW_BYTES, "%s: %zu frames", codec->name, n);
	for (size_t i = 0, window = 0; i < n; at += f[i].plain_bytes, i++) {
		LP_AUTO(lp_decoder_free) struct lp_decoder d = {0};
		LP_AUTO(lp_buf_free) struct lp_buf got = {0};
		struct lp_mem_reader mem;
		bool middle = windows && i;

		lp_mem_reader_open(&mem, raw.p + f[i].off, f[i].stored_bytes);
		CHECK(!lp_buf_reserve(&got, f[i].plain_bytes, SIZE_MAX, &err) &&
			      !lp_decoder_resume(&d, codec, &mem.reader, f[i].bit,
						 middle ? s.window.p + window * LP_WINDOW_BYTES
							: NULL, &err) &&
			      !lp_read_full(&d.reader, got.p, f[i].plain_bytes, &err) &&
			      !memcmp(got.p, tar.p + at, f[i].plain_bytes),
		      "%s: frame %zu alone %s", codec->name, i, err.msg);
		window += middle;
	}
	CHECK(at == tar.len, "%s: the frames are the archive", codec->name);
	test_places(&tar, &raw);
}

/* Zero bytes behind the archive, as blocks of tapes were filled, belong to the stream. */
static void test_padding(const struct lp_buf *tar)
{
	static const uint8_t zero[300000];
	LP_AUTO(lp_buf_free) struct lp_buf padded = {0};
	LP_AUTO(log_free) struct logsink s = {0};
	struct lp_err err = {0};
	struct lp_digest diffid;

	if (!CHECK(!lp_buf_add(&padded, tar->p, tar->len, BYTES_MAX, &err) &&
			   !lp_buf_add(&padded, zero, sizeof(zero), BYTES_MAX, &err) &&
			   !read_layer(padded.p, padded.len, &s, &err), "padding %s", err.msg))
		return;
	lp_digest_of(LP_SHA256, padded.p, padded.len, &diffid);
	CHECK(lp_digest_equal(&s.diffid, &diffid), "diffID of all of it");
}

static void test_bad(const struct lp_buf *tar)
{
	static const struct {
		const char *bytes;
		size_t n;
		const char *rule;
	} cases[] = {
		{"\x1f\x8b\x08\x04", 4, "codec.gzip.truncated"},
		{"\x28\xb5\x2f\xfd", 4, "codec.zstd.truncated"},
		{"not a tar", 9, "tar.archive.truncated"},
	};
	LP_AUTO(log_free) struct logsink s = {0};
	struct lp_build_options o = {.codec = &lp_codec_lz4};
	const struct lp_spool none = {.fd = -1};
	struct lp_built built;
	struct lp_err err = {0};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		log_free(&s);
		CHECK(read_layer(cases[i].bytes, cases[i].n, &s, &err) && err.rule &&
			      !strcmp(err.rule, cases[i].rule) && !s.nentry, "case %zu: %s", i,
		      err.msg);
	}
	log_free(&s);
	CHECK(!read_layer("", 0, &s, &err) && s.ended && !s.nentry && !s.frame.len,
	      "no bytes, no entries, no frame %s", err.msg);
	log_free(&s);
	CHECK(read_layer(tar->p, 1000, &s, &err) && !s.ended, "a tar that ends early: %s", err.msg);
	CHECK(lp_fmt_oci.build_layer(&none, &o, NULL, &built, &err) == LP_EUSAGE,
	      "no layer is lz4: %s", err.msg);
}

int main(void)
{
	LP_AUTO(lp_buf_free) struct lp_buf tar = {0};
	struct lp_err err = {0};

	test_formats();
	test_unverified();
	if (!CHECK(!lp_file_load(AT_FDCWD, GOLDEN "in-multi.tar", BYTES_MAX, &tar, &err), "load"))
		return test_done();
	test_codecs(&tar);
	test_places(&tar, &tar);
	test_frames(&lp_codec_none, 0);
	test_frames(&lp_codec_zstd, 0);
	test_frames(&lp_codec_gzip, 5);
	test_padding(&tar);
	test_bad(&tar);
	return test_done();
}
