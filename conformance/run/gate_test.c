// SPDX-License-Identifier: MIT
#include "run/gate.h"
#include "testing/dir.h"
#include "testing/test.h"

#include "base/file.h"

#include <fcntl.h>
#include <string.h>

static const char header[] =
	"{\"schema\":\"lazyconf-results/1\",\"partial\":true,\"hello\":{\"formats\":[\"oci\"],"
	"\"ops\":[\"verify\"],\"features\":[]}}";

/* A row of the results, a gate file, and what becomes of the row. */
static const struct {
	const char *observed, *gate, *class;
	bool unexpected;
} rows[] = {
	{"pass", "", "pass", false},
	{"fail", "", "fail", true},
	{"unsupported", "", "unsupported", true},
	{"fail", "A fail # why\n", "xfail", false},
	{"fail", "# a comment\n\nA   fail\tfooter#why\n", "xfail", false},
	{"fail", "A fail apply\n", "fail", true},
	{"fail", "A crash\n", "fail", true},
	{"crash", "A crash\n", "xfail", false},
	{"pass", "A fail\n", "xpass", true},
	{"unsupported", "A unsupported\n", "unsupported", false},
	{"inconclusive", "A inconclusive\n", "inconclusive", false},
};

static enum lp_code load(struct lc_gate *g, const char *dir, const char *text, struct lp_err *err)
{
	char path[TEST_DIR + 16];

	snprintf(path, sizeof(path), "%s/x.lock", dir);
	if (lp_file_put(AT_FDCWD, path, text, strlen(text), err))
		return err->code;
	return lc_gate_load(g, path, err);
}

static bool make(struct lc_results *r, const char *observed)
{
	*r = (struct lc_results){
		.header = json_loads(header, 0, NULL),
		.rows = json_pack("[{s:s, s:s, s:s, s:s, s:s}]", "id", "A", "class", observed,
				  "observed", observed, "level", "MUST", "phase", "footer"),
	};
	return r->header && r->rows;
}

static void apply(const char *dir, size_t i)
{
	char id[] = "A";
	struct gen_vector v = {.id = id};
	struct gen_set set = {.v = &v, .n = 1};
	struct lc_results r = {0};
	struct lc_gate g = {0};
	struct lp_err err = {0};
	json_t *row;

	if (CHECK(make(&r, rows[i].observed) && !load(&g, dir, rows[i].gate, &err) &&
		  !lc_gate_apply(&g, &set, false, &r, &err), "gate %zu: %s", i, err.msg)) {
		row = json_array_get(r.rows, 0);
		CHECK(!strcmp(lc_row_text(row, "class"), rows[i].class) &&
		      lc_row_true(row, "unexpected") == rows[i].unexpected, "%s, gate %zu: %s",
		      rows[i].observed, i, lc_row_text(row, "class"));
	}
	lc_results_free(&r);
	lc_gate_free(&g);
}

static void test_malformed(const char *dir)
{
	static const char *const texts[] = {"A\n", "A fails\n", "A pass\n", "A fail footer more\n"};
	struct lc_gate g = {0};
	struct lp_err err = {0};

	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		CHECK(load(&g, dir, texts[i], &err) && strstr(err.msg, "x.lock:1"), "%s", err.msg);
		lc_gate_free(&g);
	}
}

/* A partial run keeps the lines of what it left out, and all reasons. */
static void test_accept(const char *dir)
{
	static const char want[] = "hello formats=oci ops=verify features=\n"
				   "A crash  # it does\nB fail apply  # left out\n";
	struct lc_results r = {0};
	struct lc_gate g = {0};
	struct lp_buf text = {0};
	struct lp_err err = {0};

	if (CHECK(make(&r, "crash") &&
		  !load(&g, dir, "A fail # it does\nB fail apply # left out\n", &err) &&
		  !lc_gate_accept(&g, &r, &text, &err), "accept: %s", err.msg))
		CHECK(text.len == strlen(want) && !memcmp(text.p, want, text.len),
		      "what was left out stays");
	lc_results_free(&r);
	lc_gate_free(&g);
	lp_buf_free(&text);
}

int main(void)
{
	char dir[TEST_DIR];

	test_dir_make(dir);
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		apply(dir, i);
	test_malformed(dir);
	test_accept(dir);
	test_dir_remove(dir);
	return test_done();
}
