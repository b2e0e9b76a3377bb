// SPDX-License-Identifier: MIT
#include "run/verdict.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

bool lc_declined(const struct lc_adapter *a, const struct gen_vector *v, char *why, size_t room)
{
	if (!lc_adapter_has(a, "formats", v->format)) {
		snprintf(why, room, "does not declare the format %s", v->format);
		return true;
	}
	if (!lc_adapter_has(a, "ops", v->op)) {
		snprintf(why, room, "does not declare the operation %s", v->op);
		return true;
	}
	if (json_object_get(a->hello, "verdicts") && !lc_adapter_has(a, "verdicts", v->verdict)) {
		snprintf(why, room, "is not to see vectors that expect %s", v->verdict);
		return true;
	}
	for (size_t i = 0; i < v->nfeature; i++)
		if (!lc_adapter_has(a, "features", v->feature[i])) {
			snprintf(why, room, "does not declare the feature %s", v->feature[i]);
			return true;
		}
	return false;
}

__attribute__((format(printf, 3, 4)))
static void say(struct lc_verdict *out, enum lc_class class, const char *fmt, ...)
{
	va_list ap;

	out->class = class;
	va_start(ap, fmt);
	vsnprintf(out->why, sizeof(out->why), fmt, ap);
	va_end(ap);
}

/* Bytes that a rejecting reader may have handed out before it found the fault. */
static uint64_t may_release(const struct gen_vector *v)
{
	for (size_t i = 0; i < v->nlimit; i++)
		if (!strcmp(v->limit[i].name, "released"))
			return strtoull(v->limit[i].value, NULL, 10);
	return 0;
}

static void judge_accept(const struct lc_case *c, const struct lc_answer *a,
			 struct lc_verdict *out)
{
	if (a->outcome == LC_REJECT)
		say(out, LC_FAIL, "rejected%s%s: %s", *a->phase ? " in phase " : "", a->phase,
		    *a->detail ? a->detail : a->code);
	else if (!*c->tree || !lc_adapter_knows(c->adapter, "tree"))
		return;
	else if (!*a->tree && !strcmp(c->v->op, "unpack"))
		return;
	else if (!*a->tree)
		say(out, LC_FAIL, "accepted, but told no tree");
	else if (strcmp(a->tree, c->tree) != 0)
		say(out, LC_FAIL, "the tree is %.12s, want %.12s", a->tree, c->tree);
}

/* The latest phase of a list with commas. */
static unsigned latest(const char *list)
{
	unsigned last = 0;

	while (list && *list) {
		size_t n = strcspn(list, ",");
		char one[32];

		snprintf(one, sizeof(one), "%.*s", (int)n, list);
		if (lc_phase_order(one) > last)
			last = lc_phase_order(one);
		list += n + (list[n] == ',');
	}
	return last;
}

static void judge_phase(const struct lc_case *c, const struct lc_answer *a, struct lc_verdict *out)
{
	unsigned last = latest(c->v->phase);

	if (!last || !lc_adapter_knows(c->adapter, "phases"))
		return;
	out->late = !*a->phase || lc_phase_order(a->phase) > last;
	if (out->late)
		say(out, out->class, "rejected in phase %s, want %s", *a->phase ? a->phase : "(none)",
		    c->v->phase);
}

static void judge_code(const struct lc_case *c, const struct lc_answer *a, struct lc_verdict *out)
{
	if (!c->v->ncode || !lc_adapter_has(c->adapter, "features", "clause-ids"))
		return;
	for (size_t i = 0; i < c->v->ncode; i++)
		if (!strcmp(c->v->code[i], a->code))
			return;
	out->other_code = true;
	if (!out->late)
		say(out, out->class, "rejected by %s, want %s", *a->code ? a->code : "(no clause)",
		    c->v->code[0]);
}

static void judge_reject(const struct lc_case *c, const struct lc_answer *a,
			 struct lc_verdict *out)
{
	if (a->outcome == LC_ACCEPT) {
		say(out, LC_FAIL, "accepted");
		return;
	}
	if (c->base == LC_BASE_NOT_ACCEPTED) {
		say(out, LC_INCONCLUSIVE, "its base %s is not accepted either", c->v->base);
		return;
	}
	judge_phase(c, a, out);
	judge_code(c, a, out);
}

/* What a policy is set to: one of these words rejects, any other accepts. */
static enum lc_outcome choice(const char *word)
{
	return !strcmp(word, "reject") || !strcmp(word, "refuse") ? LC_REJECT : LC_ACCEPT;
}

static void judge_either(const struct lc_case *c, const struct lc_answer *a,
			 struct lc_verdict *out)
{
	const char *policy = c->v->policy ? c->v->policy : "local";
	const char *declared = lc_adapter_policy(c->adapter, policy);

	if (!declared && strcmp(policy, "local") != 0)
		say(out, LC_FAIL, "%ss, but hello does not declare %s",
		    lc_outcome_name(a->outcome), policy);
	else if (declared && choice(declared) != a->outcome)
		say(out, LC_FAIL, "%ss, but hello declares %s: %s", lc_outcome_name(a->outcome),
		    policy, declared);
	else if (a->outcome == LC_ACCEPT)
		judge_accept(c, a, out);
	else if (c->base == LC_BASE_NOT_ACCEPTED)
		say(out, LC_INCONCLUSIVE, "its base %s is not accepted either", c->v->base);
}

void lc_judge(const struct lc_case *c, const struct lc_seen *s, struct lc_verdict *out)
{
	const struct lc_answer *a = &s->answer;

	*out = (struct lc_verdict){0};
	if (!s->trouble && a->outcome == LC_REJECT && a->released > may_release(c->v))
		say(out, LC_LEAK, "rejected after %" PRIu64 " bytes were handed out", a->released);
	else if (s->escaped)
		say(out, LC_ESCAPE, "changed something outside of the places it may write to");
	else if (s->trouble)
		say(out, s->trouble, "%s", s->why);
	else if (a->outcome == LC_CANNOT)
		say(out, LC_UNSUPPORTED, "%s", a->detail);
	else if (*s->traffic)
		say(out, LC_FAIL, "%s", s->traffic);
	else if (!strcmp(c->v->verdict, "accept"))
		judge_accept(c, a, out);
	else if (!strcmp(c->v->verdict, "reject"))
		judge_reject(c, a, out);
	else
		judge_either(c, a, out);
}
