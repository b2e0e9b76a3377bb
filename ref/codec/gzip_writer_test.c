// SPDX-License-Identifier: MIT
#include "codec/gzip_writer.h"

#include "codec/codec.h"
#include "testing/test.h"

#include <string.h>

#define PLAIN ((size_t)300000)

/* A writer into a buffer that takes at most @room bytes. */
struct narrow {
	struct lp_writer writer;
	struct lp_buf to;
	size_t room;
};

static enum lp_code narrow_write(struct lp_writer *w, const void *p, size_t n, struct lp_err *err)
{
	struct narrow *to = (struct narrow *)(void *)w;

	return lp_buf_add(&to->to, p, n, to->room, err);
}

/* Write @n bytes of @plain in pieces of @piece. */
static enum lp_code squeeze(const uint8_t *plain, size_t n, size_t piece, int level,
			    struct narrow *to, struct lp_err *err)
{
	LP_AUTO(lp_gzip_writer_free) struct lp_gzip_writer w = {0};

	if (lp_gzip_writer_open(&w, level, &to->writer, err))
		return err->code;
	for (size_t at = 0; at < n; at += piece)
		if (lp_write(&w.writer, plain + at, piece < n - at ? piece : n - at, err))
			return err->code;
	if (lp_gzip_writer_end(&w, err))
		return err->code;
	return w.stored_bytes == to->to.len ? LP_OK
					    : lp_fail(err, LP_EUSAGE, 0, NULL, "miscounted");
}

int main(void)
{
	static uint8_t plain[PLAIN], got[PLAIN];
	static const struct {
		size_t n, piece;
		int level;
	} cases[] = {{0, 1, 6}, {1, 1, 1}, {PLAIN, PLAIN, 6}, {PLAIN, 777, 9}, {PLAIN, 70000, 12}};

	for (size_t i = 0; i < PLAIN; i++)
		plain[i] = (uint8_t)(i * i >> 7 ^ i >> 3);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct narrow to = {{narrow_write}, {0}, PLAIN * 2};
		struct lp_err err = {0};

		CHECK(!squeeze(plain, cases[i].n, cases[i].piece, cases[i].level, &to, &err) &&
			      !lp_codec_gzip.decode(to.to.p, to.to.len, got, cases[i].n, &err) &&
			      !memcmp(got, plain, cases[i].n),
		      "%zu bytes in pieces of %zu at level %d %s", cases[i].n, cases[i].piece,
		      cases[i].level, err.msg);
		lp_buf_free(&to.to);
	}
	for (size_t room = 0; room < 20; room += 19) {
		struct narrow to = {{narrow_write}, {0}, room};
		struct lp_err err = {0};

		CHECK(squeeze(plain, PLAIN, PLAIN, 1, &to, &err) == LP_ELIMIT,
		      "a writer that fails after %zu bytes", room);
		lp_buf_free(&to.to);
	}
	return test_done();
}
