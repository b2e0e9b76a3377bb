// SPDX-License-Identifier: MIT
#include "image/parse.h"
#include "testing/test.h"

#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define BYTES 3000000u

/* Read everything, give the number of bytes and the last one back. */
static enum lp_code run_stream(struct lp_parse *p, struct lp_source *blob, struct lp_buf *result,
			       struct lp_err *err)
{
	struct lp_reader *r;
	uint8_t buf[70000];
	uint64_t sum[2] = {0};
	size_t got;

	(void)p;
	if (lp_source_stream(blob, &r, err))
		return err->code;
	do {
		if (lp_read(r, buf, sizeof(buf), &got, err))
			return err->code;
		sum[0] += got;
		sum[1] = got ? buf[got - 1] : sum[1];
	} while (got);
	return lp_buf_add(result, sum, sizeof(sum), 100, err);
}

static enum lp_code run_part(struct lp_parse *p, struct lp_source *blob, struct lp_buf *result,
			     struct lp_err *err)
{
	struct lp_reader *r;
	char c;

	(void)p;
	if (lp_source_stream(blob, &r, err) || lp_read_full(r, &c, 1, err))
		return err->code;
	return lp_buf_add(result, &c, 1, 100, err);
}

static enum lp_code run_read(struct lp_parse *p, struct lp_source *blob, struct lp_buf *result,
			     struct lp_err *err)
{
	uint8_t b[8];

	(void)p;
	if (lp_source_read(blob, BYTES - 8, b, 8, err))
		return err->code;
	return lp_buf_add(result, b, 8, 100, err);
}

static enum lp_code run_past(struct lp_parse *p, struct lp_source *blob, struct lp_buf *result,
			     struct lp_err *err)
{
	uint8_t b[8];

	(void)p, (void)result;
	return lp_source_read(blob, BYTES - 7, b, 8, err);
}

static enum lp_code run_fail(struct lp_parse *p, struct lp_source *blob, struct lp_buf *result,
			     struct lp_err *err)
{
	(void)p, (void)blob, (void)result;
	return lp_fail(err, LP_EFORMAT, 42, "image.parser.result", "as told");
}

static enum lp_code run_die(struct lp_parse *p, struct lp_source *blob, struct lp_buf *result,
			    struct lp_err *err)
{
	(void)p, (void)blob, (void)result, (void)err;
	_exit(0);
}

static enum lp_code run_crash(struct lp_parse *p, struct lp_source *blob, struct lp_buf *result,
			      struct lp_err *err)
{
	(void)p, (void)blob, (void)result, (void)err;
	signal(SIGSEGV, SIG_DFL);
	raise(SIGSEGV);
	return LP_OK;
}

static const struct {
	const char *name;
	enum lp_code (*run)(struct lp_parse *p, struct lp_source *blob, struct lp_buf *result,
			    struct lp_err *err);
	bool forged;		/* the descriptor promises other bytes */
	enum lp_code want;
	size_t result;
} cases[] = {
	{"a stream", run_stream, false, LP_OK, 16},
	{"a stream of other bytes", run_stream, true, LP_EDIGEST, 0},
	{"a stream that is not read to its end", run_part, false, LP_EFORMAT, 0},
	{"a read", run_read, true, LP_OK, 8},
	{"a read past the end", run_past, false, LP_ESHORT, 0},
	{"a failure of the pass", run_fail, false, LP_EFORMAT, 0},
	{"a child that ends without a word", run_die, false, LP_EFORMAT, 0},
	{"a child that crashes", run_crash, false, LP_EFORMAT, 0},
};

int main(void)
{
	uint8_t *p = malloc(BYTES);

	if (!p)
		return 1;
	memset(p, 7, BYTES);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct lp_descriptor d = {.bytes = BYTES};
		struct lp_parse parse = {.run = cases[i].run, .layer = &d, .dir = -1};
		LP_AUTO(lp_source_free) struct lp_source s = {0};
		LP_AUTO(lp_buf_free) struct lp_buf result = {0};
		struct lp_err err = {0};
		enum lp_code got;

		lp_digest_of(LP_SHA256, p, BYTES - cases[i].forged, &d.digest);
		if (lp_source_mem(&s, p, BYTES, &err))
			break;
		got = lp_parse_run(&parse, &s, 1, &result, &err);
		CHECK(got == cases[i].want && result.len == cases[i].result, "%s: %s %s %s",
		      cases[i].name, lp_code_name(got), err.msg, err.rule ? err.rule : "");
		if (cases[i].run == run_fail)
			CHECK(err.at == 42 && err.rule && !strcmp(err.rule, "image.parser.result") &&
			      !strcmp(err.msg, "as told"), "its rule, place and words arrive");
	}
	free(p);
	return test_done();
}
