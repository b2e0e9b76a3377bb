// SPDX-License-Identifier: MIT
#include "run/score.h"

#include "run/verdict.h"

#include <stdlib.h>
#include <string.h>

#define TREE_HOPS 8		/* tree of a vector whose tree is that of another...: ours */

static enum lp_code find_base(const struct lc_suite *s, const struct gen_vector *v,
			      const struct gen_vector **base, struct lp_err *err)
{
	*base = v->base ? lc_suite_find(s, v->base) : NULL;
	if (v->base && !*base)
		return lp_fail(err, LP_EFORMAT, LP_NO_OFFSET, NULL, "%s:%u: %s: base %s is no vector",
			       v->file, v->line, v->id, v->base);
	return LP_OK;
}

enum lp_code lc_score_order(const struct lc_suite *s, const struct lc_adapter *a,
			    const bool *chosen, size_t *order, size_t *n, struct lp_err *err)
{
	bool *asked = calloc(s->set.n + 1, sizeof(*asked));
	enum lp_code code = asked ? LP_OK : lp_fail_errno(err, "plan");
	char why[160];

	*n = 0;
	for (size_t i = 0; !code && i < s->set.n; i++) {
		const struct gen_vector *base;

		if (!chosen[i] || lc_declined(a, &s->set.v[i], why, sizeof(why)))
			continue;
		asked[i] = true;
		code = find_base(s, &s->set.v[i], &base, err);
		if (!code && base && !lc_declined(a, base, why, sizeof(why)))
			asked[base - s->set.v] = true;
	}
	for (size_t i = 0; !code && i < s->set.n; i++)
		if (asked[i])
			order[(*n)++] = i;
	free(asked);
	return code;
}

/* The digest of the tree that @v must have, as hexadecimal text; "" for none. */
static enum lp_code tree_of(const struct lc_suite *s, const struct gen_vector *v,
			    char out[static LP_DIGEST_TEXT], struct lp_err *err)
{
	const struct gen_vector *at = v;
	struct lp_digest d;

	*out = '\0';
	for (int hop = 0; at && !at->tree && at->tree_of; hop++) {
		at = hop < TREE_HOPS ? lc_suite_find(s, at->tree_of) : NULL;
		if (!at)
			return lp_fail(err, LP_EFORMAT, LP_NO_OFFSET, NULL,
				       "%s:%u: %s: tree of %s: no such vector", v->file, v->line,
				       v->id, v->tree_of);
	}
	if (!at->tree)
		return LP_OK;
	lp_digest_of(LP_SHA256, at->tree, strlen(at->tree), &d);
	lp_digest_hex(&d, out);
	return LP_OK;
}

static enum lc_base base_of(const struct lc_suite *s, const struct lc_adapter *a,
			    const struct gen_vector *v, const struct lc_seen *seen)
{
	const struct gen_vector *base = v->base ? lc_suite_find(s, v->base) : NULL;
	const struct lc_seen *b = base ? &seen[base - s->set.v] : NULL;
	char why[160];

	if (!b)
		return LC_NO_BASE;
	return !lc_declined(a, base, why, sizeof(why)) && !b->trouble && !b->escaped &&
			       b->answer.outcome == LC_ACCEPT ? LC_BASE_ACCEPTED :
								LC_BASE_NOT_ACCEPTED;
}

/* "oci/tar" of "oci/tar.rcp". */
static json_t *area_of(const struct gen_vector *v)
{
	const char *dot = strrchr(v->file, '.');

	return json_stringn(v->file, dot ? (size_t)(dot - v->file) : strlen(v->file));
}

static json_t *clauses_of(const struct gen_vector *v)
{
	json_t *list = json_array();

	for (size_t i = 0; i < v->nclause; i++)
		json_array_append_new(list, json_string(v->clause[i]));
	return list;
}

/* What is known of a vector before anybody is asked. */
static json_t *describe(const struct lc_suite *s, const struct gen_vector *v)
{
	return json_pack("{s:s, s:s, s:o, s:s, s:s, s:s, s:s, s:s, s:i, s:o}", "id", v->id,
			 "format", v->format, "area", area_of(v), "title", v->title, "expect",
			 v->verdict, "profile", v->profile, "level", lc_suite_level(s, v), "file",
			 v->file, "line", (int)v->line, "clauses", clauses_of(v));
}

/* Text that an adapter chose: what is no UTF-8 is left out. */
static bool put(json_t *row, const char *key, const char *text)
{
	json_t *value;

	if (!*text)
		return true;
	value = json_string(text);
	if (!value) /* cut in the middle of a character */
		value = json_string("(not UTF-8)");
	return !json_object_set_new(row, key, value);
}

static bool put_class(json_t *row, enum lc_class c)
{
	return put(row, "class", lc_class_name(c)) && put(row, "observed", lc_class_name(c));
}

static bool put_seen(json_t *row, const struct lc_seen *seen, const struct lc_verdict *got)
{
	bool ok = put_class(row, got->class) && put(row, "why", got->why);

	if (!seen->trouble)
		ok = ok && put(row, "outcome", lc_outcome_name(seen->answer.outcome)) &&
		     put(row, "phase", seen->answer.phase) && put(row, "code", seen->answer.code) &&
		     put(row, "detail", seen->answer.detail);
	if (got->late)
		ok = ok && !json_object_set_new(row, "late", json_true());
	if (got->other_code)
		ok = ok && !json_object_set_new(row, "other_code", json_true());
	return ok && !json_object_set_new(row, "us", json_integer((json_int_t)(seen->ns / 1000)));
}

static enum lp_code add_row(const struct lc_suite *s, const struct lc_adapter *a,
			    const struct gen_vector *v, const struct lc_seen *seen,
			    struct lc_results *r, struct lp_err *err)
{
	json_t *row = describe(s, v);
	char tree[LP_DIGEST_TEXT], why[160];
	struct lc_case c = {v, a, tree, base_of(s, a, v, seen)};
	struct lc_verdict got;
	bool ok;

	if (!row || json_array_append_new(r->rows, row))
		return lp_fail(err, LP_ESYSTEM, LP_NO_OFFSET, NULL, "%s: no memory, or not UTF-8",
			       v->id);
	if (lc_declined(a, v, why, sizeof(why))) {
		ok = put_class(row, LC_UNSUPPORTED) && put(row, "why", why) &&
		     !json_object_set_new(row, "declared", json_true());
	} else {
		if (tree_of(s, v, tree, err))
			return err->code;
		lc_judge(&c, &seen[v - s->set.v], &got);
		ok = put_seen(row, &seen[v - s->set.v], &got);
	}
	if (!ok)
		return lp_fail(err, LP_ESYSTEM, LP_NO_OFFSET, NULL, "memory ran out");
	return LP_OK;
}

enum lp_code lc_score(const struct lc_suite *s, const struct lc_adapter *a, const bool *chosen,
		      const struct lc_seen *seen, struct lc_results *r, struct lp_err *err)
{
	for (size_t i = 0; i < s->set.n; i++)
		if (chosen[i] && add_row(s, a, &s->set.v[i], seen, r, err))
			return err->code;
	return LP_OK;
}
