// SPDX-License-Identifier: MIT
#include "run/answer.h"
#include "testing/test.h"

#include <string.h>

static const struct {
	const char *said;
	uint64_t seq;
	bool good;
	const char *words;	/* of the message, or the phase of a good one */
} rows[] = {
	{"{\"outcome\":\"accept\"}", 0, true, ""},
	{" {\"outcome\":\"reject\",\"phase\":\"footer\"}\n\n", 0, true, "footer"},
	{"{\"outcome\":\"reject\",\"seq\":7}", 7, true, ""},
	{"{\"outcome\":\"reject\",\"more\":[1]}", 0, true, ""},
	{"", 0, false, "nothing"},
	{" \n\t", 0, false, "nothing"},
	{"{\"outcome\":\"accept\"}{\"outcome\":\"accept\"}", 0, false, "more than one"},
	{"{\"outcome\":\"accept\"} x", 0, false, "more than one"},
	{"accept", 0, false, "not JSON"},
	{"[]", 0, false, "an array"},
	{"{}", 0, false, "outcome"},
	{"{\"outcome\":1}", 0, false, "outcome"},
	{"{\"outcome\":\"maybe\"}", 0, false, "maybe"},
	{"{\"outcome\":\"accept\"", 0, false, "not JSON"},
	{"{\"outcome\":\"accept\",\"outcome\":\"reject\"}", 0, false, "not JSON"},
	{"{\"outcome\":\"reject\",\"phase\":\"soon\"}", 0, false, "soon"},
	{"{\"outcome\":\"reject\",\"released\":-1}", 0, false, "released"},
	{"{\"outcome\":\"reject\"}", 7, false, "seq"},
	{"{\"outcome\":\"reject\",\"seq\":6}", 7, false, "question 6, not to 7"},
	{"{\"outcome\":\"reject\",\"detail\":\"\xff\"}", 0, false, "not JSON"},
	{"{\"outcome\":\"accept\",\"tree\":\"/nowhere/at-all\"}", 0, false, "tree"},
};

static void test_answers(void)
{
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct lc_answer a;
		struct lp_err err = {0};
		bool good = !lc_answer_parse(rows[i].said, strlen(rows[i].said), rows[i].seq, "/",
					     &a, &err);

		CHECK(good == rows[i].good && (good ? !strcmp(a.phase, rows[i].words) :
						      strstr(err.msg, rows[i].words) != NULL),
		      "answer %zu: %s", i, good ? a.phase : err.msg);
	}
}

/* A text that gen_vector does not own; it is not written to. */
static char *borrow(const char *text)
{
	return (char *)(uintptr_t)text;
}

static void test_questions(void)
{
	struct gen_input input[] = {{borrow("bootstrap"), NULL, 0}, {borrow("blob1"), NULL, 0}};
	struct gen_arg arg[] = {{borrow("toc_digest"), borrow("a b"), 3}};
	static const char *const want[] = {"/x", "y", "unpack", "--in=/box/in/bootstrap",
					   "--format=rafs6", "--blob1=/box/in/blob1",
					   "--toc_digest=a b", "--flag=full",
					   "--dest=/box/dest", "--verdict=accept"};
	char *flag[] = {borrow("full")};
	struct gen_vector v = {.op = borrow("unpack"), .format = borrow("rafs6"), .input = input,
			       .ninput = 2, .arg = arg, .narg = 1,
			       .flag = flag, .nflag = 1, .verdict = borrow("accept")};
	struct lc_adapter a = {.word = {borrow("/x"), borrow("y")}, .nword = 2};
	struct lc_words words = {0};
	struct lp_buf line = {0};
	struct lp_err err = {0};
	bool same;

	if (!CHECK(!lc_question_words(&a, &v, "/box", &words, &err), "words: %s", err.msg))
		return lc_words_free(&words);
	same = words.n == 10;
	for (size_t i = 0; same && i < words.n; i++)
		same = !strcmp(words.v[i], want[i]);
	CHECK(same && !words.v[10], "the command line");
	if (CHECK(!lc_question_line(&v, "/box", 3, &line, &err), "line: %s", err.msg))
		CHECK(!strncmp((const char *)line.p,
			       "{\"args\":{\"dest\":\"/box/dest\",\"toc_digest\":\"a b\",\"verdict\":\"accept\"},"
			       "\"flags\":[\"full\"],"
			       "\"format\":\"rafs6\",\"in\":\"/box/in/bootstrap\",\"inputs\":{"
			       "\"blob1\":\"/box/in/blob1\",\"bootstrap\":\"/box/in/bootstrap\"},"
			       "\"op\":\"unpack\",\"seq\":3}\n", line.len), "%.*s", (int)line.len,
		      (const char *)line.p);
	arg[0] = (struct gen_arg){borrow("path"), borrow("a\0b"), 3};
	lc_words_free(&words);
	CHECK(lc_question_words(&a, &v, "/box", &words, &err) == LP_EUNSUP, "a NUL in a word");
	arg[0] = (struct gen_arg){borrow("path"), borrow("\xff"), 1};
	CHECK(lc_question_line(&v, "/box", 3, &line, &err) == LP_EUNSUP, "no UTF-8 in JSON");
	lc_words_free(&words);
	lp_buf_free(&line);
}

static void test_names(void)
{
	CHECK(lc_phase_order("transport") == 1 && lc_phase_order("footer") <
	      lc_phase_order("structure") && !lc_phase_order("later"), "order of phases");
	CHECK(!strcmp(lc_outcome_name(LC_CANNOT), "unsupported"), "names of outcomes");
}

int main(void)
{
	test_answers();
	test_questions();
	test_names();
	return test_done();
}
