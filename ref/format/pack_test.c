// SPDX-License-Identifier: MIT
#include "format/pack.h"

#include "testing/test.h"

#include <string.h>

#define BYTES_MAX ((size_t)8 << 20)

/* The pack, and what it says of members. */
struct log {
	struct lp_pack pack;
	size_t n;
	uint64_t off[8];
	size_t body_bytes[8];
	struct lp_digest digest[8];
};

static enum lp_code written(struct lp_pack *p, struct lp_packed *m, struct lp_err *err)
{
	struct log *l = (struct log *)(void *)p;

	(void)err;
	l->off[l->n] = m->off;
	l->body_bytes[l->n] = m->body_bytes;
	l->digest[l->n++] = m->digest;
	return LP_OK;
}

static const struct lp_build_options options = {.level = 6};

/* Members "head", "body 1|tail", one that is begun but not used, and a streamed one. */
static void test_members(void)
{
	struct log l = {0};
	struct lp_buf_writer out = LP_BUF_WRITER(BYTES_MAX);
	const struct lp_spool none = {.fd = -1};
	struct lp_err err = {0};
	struct lp_digest diffid, want;
	char got[64] = "";

	CHECK(!lp_pack_open(&l.pack, &none, &options, &lp_codec_gzip, &out.writer, &err), "open");
	l.pack.written = written;
	CHECK(!lp_pack_cut(&l.pack, 0, &err) && !lp_pack_add(&l.pack, "head", 4, &err) &&
		      lp_pack_member_bytes(&l.pack) == 4 && !lp_pack_cut(&l.pack, 9, &err) &&
		      !lp_pack_cut(&l.pack, 6, &err) && !lp_pack_add(&l.pack, "body 1", 6, &err) &&
		      !lp_pack_add(&l.pack, "tail", 4, &err) && !lp_pack_cut(&l.pack, 3, &err) &&
		      !lp_pack_widen(&l.pack, &err) && !lp_pack_add(&l.pack, "wide", 4, &err) &&
		      !lp_pack_add(&l.pack, "", 0, &err) && !lp_pack_end(&l.pack, &diffid, &err),
	      "members %s", err.msg);
	lp_digest_of(LP_SHA256, "headbody 1tailwide", 18, &want);
	CHECK(lp_digest_equal(&diffid, &want) && l.pack.plain_bytes == 18 &&
		      l.pack.stored_bytes == out.buf.len && !l.pack.flying, "what it counts");
	lp_digest_of(LP_SHA256, "body 1", 6, &want);
	CHECK(l.n == 1 && l.body_bytes[0] == 6 && lp_digest_equal(&l.digest[0], &want),
	      "the one body is told");
	CHECK(out.buf.len && !lp_codec_gzip.decode(out.buf.p, out.buf.len, got, 18, &err) &&
		      !strcmp(got, "headbody 1tailwide"), "one stream: %s %s", got, err.msg);
	CHECK(l.n && l.off[0] < out.buf.len &&
	      !lp_codec_gzip.decode(out.buf.p + l.off[0], out.buf.len - l.off[0], got, 10,
					   &err) && !memcmp(got, "body 1tail", 10),
	      "a member begins with its body");
	lp_pack_free(&l.pack);
	lp_buf_writer_free(&out);
}

static void test_levels(void)
{
	static const int bad[] = {-1, 13, 100, INT32_MAX};
	const struct lp_spool none = {.fd = -1};

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		LP_AUTO(lp_pack_free) struct lp_pack p = {0};
		const struct lp_build_options o = {.level = bad[i]};
		struct lp_err err = {0};

		CHECK(lp_pack_open(&p, &none, &o, &lp_codec_gzip, NULL, &err) == LP_EUSAGE,
		      "level %d: %s", bad[i], err.msg);
	}
}

static void test_failures(void)
{
	static const uint8_t zero[3 << 20];
	const struct lp_spool none = {.fd = -1};
	struct lp_digest diffid;

	for (int full = 0; full < 2; full++) {
		LP_AUTO(lp_pack_free) struct lp_pack p = {0};
		struct lp_buf_writer out = LP_BUF_WRITER(10);
		struct lp_err err = {0};

		CHECK(!lp_pack_open(&p, &none, &options, &lp_codec_gzip, &out.writer, &err),
		      "open");
		p.member_max = 1 << 20;
		CHECK((full ? lp_pack_add(&p, zero, sizeof(zero), &err)
			    : lp_pack_spool(&p, 0, 5, &err)) || lp_pack_end(&p, &diffid, &err),
		      "%s: %s", full ? "a full disk" : "a spool without a file", err.msg);
		lp_buf_writer_free(&out);
	}
}

int main(void)
{
	test_members();
	test_levels();
	test_failures();
	return test_done();
}
