// SPDX-License-Identifier: MIT
#include "codec/codec.h"

#include "testing/test.h"

#include <stdlib.h>
#include <string.h>
#include <zlib.h>
#include <zstd.h>

/* Gives the bytes in memory a few at a time. */
struct drip {
	struct lp_reader reader;
	struct lp_mem_reader from;
	size_t most;
};

static enum lp_code drip_read(struct lp_reader *r, void *p, size_t n, size_t *got,
			      struct lp_err *err)
{
	struct drip *d = (struct drip *)r;

	return lp_read(&d->from.reader, p, n < d->most ? n : d->most, got, err);
}

static void drip_open(struct drip *d, const struct lp_buf *b, size_t most)
{
	*d = (struct drip){.reader = {drip_read}, .most = most};
	lp_mem_reader_open(&d->from, b->p, b->len);
}

/* Stream all of @in through @codec, @most bytes in and @step out at a time. */
static enum lp_code stream(const struct lp_codec *codec, const struct lp_buf *in, size_t most,
			   size_t step, struct lp_buf *out, struct lp_err *err)
{
	LP_AUTO(lp_decoder_free) struct lp_decoder d = {0};
	struct drip drip;
	size_t got = 1;

	out->len = 0;
	drip_open(&drip, in, most);
	if (lp_decoder_open(&d, codec, &drip.reader, err))
		return err->code;
	while (got) {
		if (lp_buf_reserve(out, step, SIZE_MAX, err) ||
		    lp_read(&d.reader, out->p + out->len, step, &got, err))
			return err->code;
		out->len += got;
	}
	return LP_OK;
}

static void add(struct lp_buf *b, const void *p, size_t n)
{
	struct lp_err err = {0};

	if (lp_buf_add(b, p, n, SIZE_MAX, &err))
		exit(1);
}

/* Text and noise, so that matches, literals and stored blocks all occur. */
static void fill(struct lp_buf *b, size_t n, unsigned seed)
{
	static const char *const word[] = {"frame", " of ", "bytes", ", ", "chunk\n", "device"};

	while (b->len < n) {
		seed = seed * 1103515245 + 12345;
		if (seed >> 30)
			add(b, word[(seed >> 16) % 6], strlen(word[(seed >> 16) % 6]));
		else
			add(b, &seed, sizeof(seed));
	}
	b->len = n;
}

static bool same(const struct lp_buf *a, const struct lp_buf *b)
{
	return a->len == b->len && (!a->len || !memcmp(a->p, b->p, a->len));
}

static void test_round_trip(const struct lp_codec *codec, size_t n, int level)
{
	static const size_t most[] = {1, 7, 1 << 20}, step[] = {1, 511, 1 << 17};
	LP_AUTO(lp_buf_free) struct lp_buf plain = {0}, stored = {0}, got = {0};
	struct lp_err err = {0};

	fill(&plain, n, (unsigned)n + (unsigned)level);
	if (!CHECK(!codec->encode(plain.p, plain.len, level, &stored, &err) &&
		   !lp_buf_reserve(&got, n + 1, SIZE_MAX, &err),
		   "%s level %d encodes %zu bytes", codec->name, level, n))
		return;
	got.len = n;
	CHECK(!codec->decode(stored.p, stored.len, got.p, n, &err) && same(&got, &plain),
	      "%s gives %zu bytes back", codec->name, n);
	got.len = n / 2;
	plain.len = n / 2;
	got.p[n / 2] = 0xaa;
	CHECK(!codec->decode(stored.p, stored.len, got.p, n / 2, &err) && same(&got, &plain) &&
	      got.p[n / 2] == 0xaa, "%s gives the first half and not a byte more", codec->name);
	plain.len = n;
	CHECK(codec->decode(stored.p, stored.len, got.p, n + 1, &err) == LP_EFORMAT &&
	      err.rule, "%s has no byte more", codec->name);
	for (size_t i = 0; codec->open && i < 9; i++)
		CHECK(n > 10000 && (i < 3 || !(i % 3)) ? true :
		      !stream(codec, &stored, most[i / 3], step[i % 3], &got, &err) &&
		      same(&got, &plain), "%s streams %zu bytes, %zu in, %zu out", codec->name, n,
		      most[i / 3], step[i % 3]);
}

/* A marker that keeps what it is told. */
struct keep {
	struct lp_marker marker;
	struct lp_buf at, window;	/* of struct lp_checkpoint; of windows, of all */
};

static enum lp_code keep_mark(struct lp_marker *m, const struct lp_checkpoint *at,
			      struct lp_err *err)
{
	struct keep *k = (struct keep *)m;
	static const uint8_t none[LP_WINDOW_BYTES];

	(void)err;
	add(&k->at, at, sizeof(*at));
	add(&k->window, at->window ? at->window : none, LP_WINDOW_BYTES);
	return LP_OK;
}

/* What zlib makes of the raw deflate data at a checkpoint: @n plain bytes equal to @want? */
static bool zlib_agrees(const struct lp_buf *stored, const struct lp_checkpoint *at,
			const uint8_t *window, const uint8_t *want, size_t n)
{
	LP_AUTO(lp_buf_free) struct lp_buf got = {0};
	uint8_t *p = stored->p + at->stored_off;
	struct lp_err err = {0};
	z_stream z = {0};
	bool ok;

	if (lp_buf_reserve(&got, n, SIZE_MAX, &err) || inflateInit2(&z, -15))
		return false;
	ok = !inflateSetDictionary(&z, window, LP_WINDOW_BYTES) &&
	     (!at->bit || !inflatePrime(&z, 8 - (int)at->bit, *p >> at->bit));
	z.next_in = p + !!at->bit;
	z.avail_in = (uInt)(stored->p + stored->len - z.next_in);
	z.next_out = got.p;
	z.avail_out = (uInt)n;
	ok = ok && inflate(&z, Z_SYNC_FLUSH) >= 0 && !z.avail_out && !memcmp(got.p, want, n);
	inflateEnd(&z);
	return ok;
}

/* The rest of the stream from checkpoint @i, decoded by us. */
static bool resumes(const struct lp_codec *codec, const struct lp_buf *stored,
		    const struct lp_buf *plain, const struct keep *k, size_t i, struct lp_err *err)
{
	const struct lp_checkpoint *at = (const void *)(k->at.p + i * sizeof(*at));
	const uint8_t *window = at->window ? k->window.p + i * LP_WINDOW_BYTES : NULL;
	LP_AUTO(lp_decoder_free) struct lp_decoder d = {0};
	LP_AUTO(lp_buf_free) struct lp_buf got = {0};
	size_t n = plain->len - (size_t)at->plain_off, end = 1;
	struct lp_mem_reader mem;

	lp_mem_reader_open(&mem, stored->p + at->stored_off, stored->len - at->stored_off);
	if (lp_buf_reserve(&got, n + 1, SIZE_MAX, err) ||
	    lp_decoder_resume(&d, codec, &mem.reader, at->bit, window, err) ||
	    lp_read_full(&d.reader, got.p, n, err) || lp_read(&d.reader, got.p + n, 1, &end, err))
		return false;
	return !end && !memcmp(got.p, plain->p + at->plain_off, n) &&
	       (!window || zlib_agrees(stored, at, window, plain->p + at->plain_off,
				       n < 50000 ? n : 50000));
}

static void zlib_encode(const struct lp_buf *plain, int level, int strategy, struct lp_buf *out)
{
	z_stream z = {0};
	struct lp_err err = {0};

	if (deflateInit2(&z, level, Z_DEFLATED, 31, 8, strategy) ||
	    lp_buf_reserve(out, deflateBound(&z, plain->len), SIZE_MAX, &err))
		exit(1);
	z.next_in = plain->p;
	z.avail_in = (uInt)plain->len;
	z.next_out = out->p;
	z.avail_out = (uInt)out->cap;
	if (deflate(&z, Z_FINISH) != Z_STREAM_END)
		exit(1);
	out->len = z.total_out;
	deflateEnd(&z);
}

/* Checkpoints of @stored, @least or more: each gives the rest, by us and by zlib. */
static void check_checkpoints(const char *name, const struct lp_codec *codec,
			      const struct lp_buf *stored, const struct lp_buf *plain,
			      size_t least)
{
	struct keep k = {.marker = {.every = 100000, .mark = keep_mark}};
	LP_AUTO(lp_decoder_free) struct lp_decoder d = {0};
	LP_AUTO(lp_buf_free) struct lp_buf got = {0};
	struct lp_err err = {0};
	struct drip drip;
	size_t n;

	drip_open(&drip, stored, 5000);
	CHECK(!lp_buf_reserve(&got, plain->len, SIZE_MAX, &err) &&
		      !lp_decoder_open(&d, codec, &drip.reader, &err), "%s", err.msg);
	d.marker = &k.marker;
	CHECK(!lp_read_full(&d.reader, got.p, plain->len, &err) &&
		      !memcmp(got.p, plain->p, plain->len), "%s: all of it %s", name, err.msg);
	n = k.at.len / sizeof(struct lp_checkpoint);
	CHECK(n >= least, "%s: %zu checkpoints", name, n);
	for (size_t i = 0; i < n; i++)
		CHECK(resumes(codec, stored, plain, &k, i, &err), "%s: checkpoint %zu %s", name, i,
		      err.msg);
	lp_buf_free(&k.at);
	lp_buf_free(&k.window);
}

static void test_checkpoints(void)
{
	static const struct {
		const char *name;
		int level, strategy;
		size_t least;		/* of 30 places */
	} zlib[] = {
		{"zlib 1", 1, Z_DEFAULT_STRATEGY, 15}, {"zlib 6", 6, Z_DEFAULT_STRATEGY, 15},
		{"zlib 9", 9, Z_DEFAULT_STRATEGY, 15}, {"stored", 0, Z_DEFAULT_STRATEGY, 3},
		{"fixed", 6, Z_FIXED, 0}, {"Huffman only", 6, Z_HUFFMAN_ONLY, 15},
	};
	static const struct lp_codec *const codecs[] = {&lp_codec_none, &lp_codec_gzip,
							&lp_codec_zstd};
	LP_AUTO(lp_buf_free) struct lp_buf plain = {0};
	struct lp_err err = {0};

	fill(&plain, 3000000, 5);
	for (size_t i = 0; i < sizeof(zlib) / sizeof(zlib[0]); i++) {
		LP_AUTO(lp_buf_free) struct lp_buf stored = {0};

		zlib_encode(&plain, zlib[i].level, zlib[i].strategy, &stored);
		check_checkpoints(zlib[i].name, &lp_codec_gzip, &stored, &plain, zlib[i].least);
	}
	for (size_t i = 0; i < 3; i++) {
		LP_AUTO(lp_buf_free) struct lp_buf stored = {0};
		bool ok = true;

		for (size_t at = 0; at < plain.len; at += 250000)
			ok = ok && !codecs[i]->encode(plain.p + at, 250000, 6, &stored, &err);
		CHECK(ok, "%s: 12 parts", codecs[i]->name);
		check_checkpoints(codecs[i]->name, codecs[i], &stored, &plain, 10);
	}
}

/* A gzip member of "hello": header with @flags and what they announce, deflate, trailer. */
#define HELLO "\xcb\x48\xcd\xc9\xc9\x07\x00"
#define CRC "\x86\xa6\x10\x36"
#define GZ(flags, more) "\x1f\x8b\x08" flags "\0\0\0\0\0\xff" more
#define MEMBER GZ("\0", HELLO CRC "\5\0\0\0")
#define EMPTY GZ("\0", "\3\0" "\0\0\0\0" "\0\0\0\0")
#define ZSTD5 "\x28\xb5\x2f\xfd\x20\x05\x29\0\0hello"
#define SKIPPABLE "\x50\x2a\x4d\x18\x03\0\0\0xyz"
#define B(s) s, sizeof(s) - 1

/* What is stored, and what a stream of it must give; a frame of 5 bytes is tried as well. */
static const struct {
	const char *name, *stored;
	size_t bytes;
	const char *codec, *rule, *plain;	/* rule NULL: this plain text */
} cases[] = {
	{"one member", B(MEMBER), "gzip", NULL, "hello"},
	{"two members", B(MEMBER MEMBER), "gzip", NULL, "hellohello"},
	{"empty members between", B(EMPTY EMPTY MEMBER EMPTY MEMBER EMPTY), "gzip", NULL,
	 "hellohello"},
	{"an empty member alone", B(EMPTY), "gzip", NULL, ""},
	{"extra field", B(GZ("\4", "\3\0abc" HELLO CRC "\5\0\0\0")), "gzip", NULL, "hello"},
	{"name", B(GZ("\10", "a.tar\0" HELLO CRC "\5\0\0\0")), "gzip", NULL, "hello"},
	{"comment", B(GZ("\20", "why\0" HELLO CRC "\5\0\0\0")), "gzip", NULL, "hello"},
	{"header checksum", B(GZ("\2", "\x90\xc9" HELLO CRC "\5\0\0\0")), "gzip", NULL, "hello"},
	{"text flag", B(GZ("\1", HELLO CRC "\5\0\0\0")), "gzip", NULL, "hello"},
	{"zero bytes behind it", B(MEMBER "\0\0\0\0\0"), "gzip", NULL, "hello"},
	{"no stream", B(""), "gzip", "codec.gzip.truncated", NULL},
	{"half a header", B("\x1f\x8b\x08"), "gzip", "codec.gzip.truncated", NULL},
	{"other magic", B("\x1f\x9b\x08\0\0\0\0\0\0\xff"), "gzip", "codec.gzip.header", NULL},
	{"other method", B("\x1f\x8b\x07\0\0\0\0\0\0\xff"), "gzip", "codec.gzip.header", NULL},
	{"reserved flag", B(GZ("\40", HELLO CRC "\5\0\0\0")), "gzip", "codec.gzip.header", NULL},
	{"wrong header checksum", B(GZ("\2", "ab" HELLO CRC "\5\0\0\0")), "gzip",
	 "codec.gzip.header", NULL},
	{"name without end", B(GZ("\10", "abc")), "gzip", "codec.gzip.truncated", NULL},
	{"short extra field", B(GZ("\4", "\xff\xff" "abc")), "gzip", "codec.gzip.truncated", NULL},
	{"no deflate data", B(GZ("\0", "")), "gzip", "codec.gzip.truncated", NULL},
	{"half of the deflate data", B(GZ("\0", "\xcb\x48\xcd")), "gzip", "codec.gzip.truncated",
	 NULL},
	{"reserved block type", B(GZ("\0", "\7\0\0\0\0\0\0\0\0\0\0")), "gzip",
	 "codec.gzip.deflate", NULL},
	{"stored block, wrong complement", B(GZ("\0", "\1\5\0\xfa\xfehello")), "gzip",
	 "codec.gzip.deflate", NULL},
	{"distance too far back", B(GZ("\0", "\x03\x02\0\0\0\0\0\0\0\0\0\0")), "gzip",
	 "codec.gzip.deflate", NULL},
	{"no trailer", B(GZ("\0", HELLO)), "gzip", "codec.gzip.truncated", NULL},
	{"half a trailer", B(GZ("\0", HELLO CRC "\5")), "gzip", "codec.gzip.truncated", NULL},
	{"wrong checksum", B(GZ("\0", HELLO "\x87\xa6\x10\x36" "\5\0\0\0")), "gzip",
	 "codec.gzip.checksum", NULL},
	{"wrong length", B(GZ("\0", HELLO CRC "\6\0\0\0")), "gzip", "codec.gzip.length", NULL},
	{"garbage behind it", B(MEMBER "garbage"), "gzip", "codec.gzip.trailing", NULL},
	{"garbage behind zeros", B(MEMBER "\0\0\0x"), "gzip", "codec.gzip.trailing", NULL},
	{"second header cut", B(MEMBER "\x1f\x8b"), "gzip", "codec.gzip.truncated", NULL},

	{"one frame", B(ZSTD5), "zstd", NULL, "hello"},
	{"two frames, skippable ones around", B(SKIPPABLE ZSTD5 SKIPPABLE ZSTD5 SKIPPABLE), "zstd",
	 NULL, "hellohello"},
	{"no stream", B(""), "zstd", "codec.zstd.truncated", NULL},
	{"half a magic", B("\x28\xb5"), "zstd", "codec.zstd.truncated", NULL},
	{"half a frame", B("\x28\xb5\x2f\xfd\x20\x05\x29\0\0he"), "zstd", "codec.zstd.truncated",
	 NULL},
	{"half a skippable frame", B("\x50\x2a\x4d\x18\x03\0\0\0x"), "zstd",
	 "codec.zstd.truncated", NULL},
	{"other magic", B("\x28\xb5\x2f\xfe\x20\x05"), "zstd", "codec.zstd.header", NULL},
	{"magic of zstd 0.7", B("\x27\xb5\x2f\xfd\x20\x05\x29\0\0hello"), "zstd",
	 "codec.zstd.header", NULL},
	{"reserved block type", B("\x28\xb5\x2f\xfd\x20\x05\x2f\0\0hello"), "zstd",
	 "codec.zstd.frame", NULL},
	{"size that lies", B("\x28\xb5\x2f\xfd\x20\x06\x29\0\0hello"), "zstd",
	 "codec.zstd.frame", NULL},
	{"size of 2^64 - 1", B("\x28\xb5\x2f\xfd\xc0\x50\xff\xff\xff\xff\xff\xff\xff\xff\x29\0\0hello"),
	 "zstd", "codec.zstd.frame", NULL},
	{"window of 2 GiB", B("\x28\xb5\x2f\xfd\x00\xa8\x29\0\0hello"), "zstd",
	 "codec.zstd.window", NULL},
	{"window of 128 MiB", B("\x28\xb5\x2f\xfd\x00\x88\x29\0\0hello"), "zstd", NULL, "hello"},
	{"dictionary", B("\x28\xb5\x2f\xfd\x21\x07\x05\x29\0\0hello"), "zstd",
	 "codec.zstd.dictionary", NULL},
	{"garbage behind it", B(ZSTD5 "garbage"), "zstd", "codec.zstd.trailing", NULL},
	{"zeros behind it", B(ZSTD5 "\0\0\0\0\0\0\0"), "zstd", "codec.zstd.trailing", NULL},
	{"one byte behind it", B(ZSTD5 "x"), "zstd", "codec.zstd.trailing", NULL},

	{"as it is", B("hello"), "none", NULL, "hello"},
	{"empty", B(""), "none", NULL, ""},
};

static void test_case(size_t i, size_t most)
{
	const struct lp_codec *codec = lp_codec_named(cases[i].codec);
	LP_AUTO(lp_buf_free) struct lp_buf stored = {0}, got = {0};
	struct lp_err err = {0};
	enum lp_code code;
	char five[5];

	add(&stored, cases[i].stored, cases[i].bytes);
	code = stream(codec, &stored, most, 4096, &got, &err);
	if (cases[i].rule)
		CHECK(code && err.rule && !strcmp(err.rule, cases[i].rule),
		      "%s, %s is refused: %s", codec->name, cases[i].name, cases[i].rule);
	else
		CHECK(!code && got.len == strlen(cases[i].plain) &&
		      (!got.len || !memcmp(got.p, cases[i].plain, got.len)),
		      "%s, %s is read", codec->name, cases[i].name);
	if (!cases[i].rule && *cases[i].plain)
		CHECK(!codec->decode(stored.p, stored.len, five, 5, &err) &&
		      !memcmp(five, cases[i].plain, 5), "%s, %s is a frame", codec->name,
		      cases[i].name);
	else
		CHECK(!codec->decode(stored.p, stored.len, five, 5, &err) ?
		      !memcmp(five, "hello", 5) : err.code && err.rule,
		      "%s, %s as a frame: \"hello\" or a rule", codec->name, cases[i].name);
}

/* A frame is what a member begins with: neither its trailer nor what follows counts. */
static void test_frames(void)
{
	char out[10] = "..........";
	struct lp_err err = {0};

	CHECK(!lp_codec_gzip.decode(B(GZ("\0", HELLO "????")), out, 5, &err) &&
	      !memcmp(out, "hello.....", 10), "the trailer of a frame's last member is not read");
	CHECK(!lp_codec_gzip.decode(B(MEMBER MEMBER "x"), out, 10, &err) &&
	      !memcmp(out, "hellohello", 10), "a frame of two members");
	CHECK(lp_codec_gzip.decode(B(MEMBER MEMBER), out, 11, &err) == LP_EFORMAT &&
	      !strcmp(err.rule, "codec.decode.short"), "two members have no 11 bytes");
	CHECK(lp_codec_gzip.decode(B(GZ("\0", HELLO "????\5\0\0\0") MEMBER), out, 10, &err) &&
	      !strcmp(err.rule, "codec.gzip.checksum"), "an inner trailer is checked");
	CHECK(!lp_codec_gzip.decode(B("junk"), out, 0, &err), "0 bytes of anything");
	CHECK(lp_codec_lz4.decode(B("\xf0\xff\xff"), out, 10, &err) == LP_EFORMAT &&
	      err.rule, "lz4: a broken block");
}

/* Headers that Go and zlib readers know; levels outside the table. */
static void test_encode(void)
{
	static const uint8_t want[] = {0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 2, 255};
	LP_AUTO(lp_buf_free) struct lp_buf stored = {0};
	struct lp_err err = {0};
	char out[6] = "";
	z_stream z = {.avail_out = 5, .next_out = (Bytef *)out};

	CHECK(!lp_codec_gzip.encode("hello", 5, 9, &stored, &err) && !memcmp(stored.p, want, 10),
	      "gzip: the header");
	z.next_in = stored.p;
	z.avail_in = (uInt)stored.len;
	CHECK(inflateInit2(&z, 31) == Z_OK && inflate(&z, Z_FINISH) == Z_STREAM_END &&
	      !strcmp(out, "hello"), "zlib reads it");
	inflateEnd(&z);
	CHECK(lp_codec_gzip.encode("hello", 5, 13, &stored, &err), "gzip has no level 13");
}

static void test_table(void)
{
	struct lp_decoder d;
	struct lp_mem_reader r;
	struct lp_err err = {0};

	for (uint8_t id = 0; id < 4; id++)
		CHECK(lp_codec_number(id)->id == id &&
		      lp_codec_named(lp_codec_number(id)->name) == lp_codec_number(id),
		      "codec %d is %s", id, lp_codec_number(id)->name);
	CHECK(!lp_codec_number(4) && !lp_codec_number(255), "no other numbers");
	CHECK(!lp_codec_named("bzip2"), "no other names");
	CHECK(lp_codec_guess(MEMBER, 4) == &lp_codec_gzip &&
	      lp_codec_guess(ZSTD5, 4) == &lp_codec_zstd &&
	      lp_codec_guess("", 0) == &lp_codec_none &&
	      lp_codec_guess("etc/", 4) == &lp_codec_none, "codecs are guessed");
	lp_mem_reader_open(&r, "", 0);
	CHECK(lp_decoder_open(&d, &lp_codec_lz4, &r.reader, &err) == LP_EUNSUP,
	      "lz4 does not stream");
	lp_decoder_free(&d);
	lp_decoder_free(&d);
}

int main(void)
{
	static const size_t size[] = {0, 1, 5000, 70000, 300000};
	static const int level[] = {1, 4, 6, 9, 12};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		test_case(i, 1);
		test_case(i, 1 << 20);
	}
	for (size_t i = 0; i < sizeof(size) / sizeof(size[0]); i++)
		for (uint8_t id = 0; id < 4; id++)
			test_round_trip(lp_codec_number(id), size[i],
					lp_codec_number(id)->level_max ? level[i] : 0);
	test_checkpoints();
	test_frames();
	test_encode();
	test_table();
	return test_done();
}
