// SPDX-License-Identifier: MIT
#include "run/verdict.h"
#include "testing/test.h"

#include <stdio.h>
#include <string.h>

#define T1 "1111111111111111111111111111111111111111111111111111111111111111"
#define T2 "2222222222222222222222222222222222222222222222222222222222222222"

static const char plain[] = "{\"protocol\":1,\"impl\":{\"name\":\"x\",\"version\":\"1\"},"
			    "\"formats\":[\"oci\"],\"ops\":[\"verify\"]}";
static const char full[] = "{\"protocol\":1,\"impl\":{\"name\":\"x\",\"version\":\"1\"},"
			   "\"formats\":[\"oci\"],\"ops\":[\"verify\"],"
			   "\"features\":[\"clause-ids\"],\"policies\":{\"policy.a.b\":\"refuse\","
			   "\"policy.a.c\":\"strip\"}}";
static const char less[] = "{\"protocol\":1,\"impl\":{\"name\":\"x\",\"version\":\"1\"},"
			   "\"formats\":[\"oci\"],\"ops\":[\"verify\"],"
			   "\"tree\":false,\"phases\":false}";

/* A vector, what was seen of it, and the class that it must get. */
static const struct row {
	const char *name, *hello, *verdict, *phase, *policy;
	enum lc_base base;
	struct lc_answer answer;
	enum lc_class trouble;
	bool escaped;
	enum lc_class want;
	bool late, other;
} rows[] = {
	{"accepted with its tree", plain, "accept", NULL, NULL, LC_NO_BASE,
	 {.tree = T1}, 0, false, LC_PASS, false, false},
	{"accepted with another tree", plain, "accept", NULL, NULL, LC_NO_BASE,
	 {.tree = T2}, 0, false, LC_FAIL, false, false},
	{"accepted without a tree", plain, "accept", NULL, NULL, LC_NO_BASE,
	 {0}, 0, false, LC_FAIL, false, false},
	{"who cannot tell a tree need not", less, "accept", NULL, NULL, LC_NO_BASE,
	 {0}, 0, false, LC_PASS, false, false},
	{"rejected what is good", plain, "accept", NULL, NULL, LC_NO_BASE,
	 {.outcome = LC_REJECT, .phase = "footer"}, 0, false, LC_FAIL, false, false},
	{"says that it cannot", plain, "accept", NULL, NULL, LC_NO_BASE,
	 {.outcome = LC_CANNOT}, 0, false, LC_UNSUPPORTED, false, false},
	{"rejected in its phase", plain, "reject", "footer,structure", NULL, LC_BASE_ACCEPTED,
	 {.outcome = LC_REJECT, .phase = "structure"}, 0, false, LC_PASS, false, false},
	{"rejected earlier", plain, "reject", "structure", NULL, LC_BASE_ACCEPTED,
	 {.outcome = LC_REJECT, .phase = "footer"}, 0, false, LC_PASS, false, false},
	{"rejected later", plain, "reject", "footer,structure", NULL, LC_BASE_ACCEPTED,
	 {.outcome = LC_REJECT, .phase = "apply"}, 0, false, LC_PASS, true, false},
	{"rejected in no phase", plain, "reject", "structure", NULL, LC_BASE_ACCEPTED,
	 {.outcome = LC_REJECT}, 0, false, LC_PASS, true, false},
	{"who knows no phases is not asked", less, "reject", "structure", NULL, LC_BASE_ACCEPTED,
	 {.outcome = LC_REJECT}, 0, false, LC_PASS, false, false},
	{"rejected by its clause", full, "reject", "structure", NULL, LC_BASE_ACCEPTED,
	 {.outcome = LC_REJECT, .phase = "structure", .code = "a.b.c"}, 0, false,
	 LC_PASS, false, false},
	{"rejected by another clause", full, "reject", "structure", NULL, LC_BASE_ACCEPTED,
	 {.outcome = LC_REJECT, .phase = "structure", .code = "a.b.d"},
	 0, false, LC_PASS, false, true},
	{"clauses of who has none are not judged", plain, "reject", "structure", NULL,
	 LC_BASE_ACCEPTED, {.outcome = LC_REJECT, .phase = "structure", .code = "x"},
	 0, false, LC_PASS, false, false},
	{"accepted what is bad", plain, "reject", "structure", NULL, LC_BASE_ACCEPTED,
	 {.outcome = LC_ACCEPT}, 0, false, LC_FAIL, false, false},
	{"the same, its base rejected", plain, "reject", "structure", NULL, LC_BASE_NOT_ACCEPTED,
	 {.outcome = LC_ACCEPT}, 0, false, LC_FAIL, false, false},
	{"rejected as its base was", plain, "reject", "structure", NULL, LC_BASE_NOT_ACCEPTED,
	 {.outcome = LC_REJECT}, 0, false, LC_INCONCLUSIVE, false, false},
	{"rejected after bytes were out", plain, "reject", "structure", NULL, LC_BASE_ACCEPTED,
	 {.outcome = LC_REJECT, .released = 1}, 0, false, LC_LEAK, false, false},
	{"a crash is no reject", plain, "reject", "structure", NULL, LC_BASE_ACCEPTED,
	 {.outcome = LC_REJECT}, LC_CRASH, false, LC_CRASH, false, false},
	{"nor is a hang", plain, "reject", "structure", NULL, LC_BASE_NOT_ACCEPTED,
	 {.outcome = LC_REJECT}, LC_HANG, false, LC_HANG, false, false},
	{"an escape is worse than a crash", plain, "reject", "structure", NULL, LC_BASE_ACCEPTED,
	 {.outcome = LC_REJECT}, LC_CRASH, true, LC_ESCAPE, false, false},
	{"an escape is worse than a pass", plain, "accept", NULL, NULL, LC_NO_BASE,
	 {.tree = T1}, 0, true, LC_ESCAPE, false, false},
	{"a leak is worse than an escape", plain, "reject", "structure", NULL, LC_BASE_ACCEPTED,
	 {.outcome = LC_REJECT, .released = 1}, 0, true, LC_LEAK, false, false},
	{"either: as declared", full, "either", NULL, "policy.a.b", LC_BASE_ACCEPTED,
	 {.outcome = LC_REJECT}, 0, false, LC_PASS, false, false},
	{"either: not as declared", full, "either", NULL, "policy.a.b", LC_BASE_ACCEPTED,
	 {.tree = T1}, 0, false, LC_FAIL, false, false},
	{"either: accepted, as declared", full, "either", NULL, "policy.a.c", LC_BASE_ACCEPTED,
	 {.tree = T1}, 0, false, LC_PASS, false, false},
	{"either: accepted with another tree", full, "either", NULL, "policy.a.c",
	 LC_BASE_ACCEPTED, {.tree = T2}, 0, false, LC_FAIL, false, false},
	{"either: not declared", plain, "either", NULL, "policy.a.b", LC_BASE_ACCEPTED,
	 {.outcome = LC_REJECT}, 0, false, LC_FAIL, false, false},
	{"either: local, rejected", plain, "either", NULL, "local", LC_BASE_ACCEPTED,
	 {.outcome = LC_REJECT}, 0, false, LC_PASS, false, false},
	{"either: rejected as its base was", plain, "either", NULL, "local", LC_BASE_NOT_ACCEPTED,
	 {.outcome = LC_REJECT}, 0, false, LC_INCONCLUSIVE, false, false},
};

/* A text that gen_vector does not own; it is not written to. */
static char *borrow(const char *text)
{
	return (char *)(uintptr_t)text;
}

static void judge(const struct row *r)
{
	char *code[] = {borrow("a.b.c")};
	struct gen_vector v = {
		.id = borrow("X-1"), .verdict = borrow(r->verdict), .phase = borrow(r->phase),
		.policy = borrow(r->policy), .base = borrow("X-0"), .code = code, .ncode = 1,
		.format = borrow("oci"), .op = borrow("verify"),
	};
	struct lc_adapter a = {0};
	struct lc_case c = {&v, &a, T1, r->base};
	struct lc_seen s = {.trouble = r->trouble, .escaped = r->escaped, .answer = r->answer};
	struct lc_verdict got = {0};
	struct lp_err err;

	if (!CHECK(!lc_adapter_greet(&a, r->hello, strlen(r->hello), &err), "hello"))
		return;
	lc_judge(&c, &s, &got);
	CHECK(got.class == r->want && got.late == r->late && got.other_code == r->other,
	      "%s: %s (%s)", r->name, lc_class_name(got.class), got.why);
	lc_adapter_free(&a);
}

static void test_declined(void)
{
	char *feature[] = {borrow("time-travel")};
	struct gen_vector v = {.format = borrow("oci"), .op = borrow("verify")};
	struct lc_adapter a = {0};
	struct lp_err err;
	char why[160];

	if (!CHECK(!lc_adapter_greet(&a, plain, strlen(plain), &err), "hello"))
		return;
	CHECK(!lc_declined(&a, &v, why, sizeof(why)), "what it declares is asked");
	v.op = borrow("unpack");
	CHECK(lc_declined(&a, &v, why, sizeof(why)) && strstr(why, "unpack"), "%s", why);
	v.op = borrow("verify"), v.format = borrow("rafs6");
	CHECK(lc_declined(&a, &v, why, sizeof(why)) && strstr(why, "rafs6"), "%s", why);
	v.format = borrow("oci"), v.feature = feature, v.nfeature = 1;
	CHECK(lc_declined(&a, &v, why, sizeof(why)) && strstr(why, "time-travel"), "%s", why);
	lc_adapter_free(&a);
}

int main(void)
{
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		judge(&rows[i]);
	test_declined();
	return test_done();
}
