// SPDX-License-Identifier: MIT
#include "run/answer.h"

#include "base/file.h"

#include <fcntl.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define RULE "lazyconf.answer.json"
#define TREE_MAX ((size_t)16 << 20)
#define LINE_MAX_BYTES ((size_t)1 << 20)

static const char *const outcomes[] = {"accept", "reject", "unsupported", "error"};
static const char *const phases[] = {
	"transport", "document",    "container",    "footer",     "toc-parse", "toc-digest",
	"structure", "path-policy", "chunk-digest", "decompress", "apply",     "limits",
};

const char *lc_outcome_name(enum lc_outcome o)
{
	return outcomes[o];
}

unsigned lc_phase_order(const char *phase)
{
	for (unsigned i = 0; i < sizeof(phases) / sizeof(phases[0]); i++)
		if (!strcmp(phases[i], phase))
			return i + 1;
	return 0;
}

static enum lp_code take_outcome(const json_t *o, struct lc_answer *out, struct lp_err *err)
{
	const char *word;

	if (lp_json_string(o, "outcome", LP_JSON_REQUIRED, RULE, &word, err))
		return err->code;
	for (unsigned i = 0; i < sizeof(outcomes) / sizeof(outcomes[0]); i++)
		if (!strcmp(word, outcomes[i])) {
			out->outcome = (enum lc_outcome)i;
			return LP_OK;
		}
	return lp_fail(err, LP_EFORMAT, LP_NO_OFFSET, RULE, "unknown outcome \"%.40s\"", word);
}

/* Member @key as text in @out[@room]; cut when it is longer. */
static enum lp_code take_text(const json_t *o, const char *key, char *out, size_t room,
			      struct lp_err *err)
{
	const char *text;

	if (lp_json_string(o, key, LP_JSON_OPTIONAL, RULE, &text, err))
		return err->code;
	snprintf(out, room, "%s", text ? text : "");
	return LP_OK;
}

/* "tree" names a file with the canonical tree: its digest, for adapters that have no SHA-256. */
static enum lp_code take_tree(const json_t *o, const char *dir, struct lc_answer *out,
			      struct lp_err *err)
{
	LP_AUTO(lp_buf_free) struct lp_buf text = {0};
	char path[PATH_MAX], hex[LP_DIGEST_TEXT];
	struct lp_digest d;
	const char *file;

	if (take_text(o, json_object_get(o, "plain_sha256") ? "plain_sha256" : "tree_sha256",
		      out->tree, sizeof(out->tree), err) ||
	    lp_json_string(o, "tree", LP_JSON_OPTIONAL, RULE, &file, err))
		return err->code;
	if (*out->tree || !file)
		return LP_OK;
	snprintf(path, sizeof(path), "%s%s%s", *file == '/' ? "" : dir, *file == '/' ? "" : "/",
		 file);
	if (lp_file_load(AT_FDCWD, path, TREE_MAX, &text, err))
		return lp_within(err, "its tree");
	lp_digest_of(LP_SHA256, text.p, text.len, &d);
	lp_digest_hex(&d, hex);
	snprintf(out->tree, sizeof(out->tree), "%.64s", hex);
	return LP_OK;
}

enum lp_code lc_answer_parse(const void *said, size_t n, uint64_t seq, const char *dir,
			     struct lc_answer *out, struct lp_err *err)
{
	LP_AUTO(lp_json_free) json_t *o = NULL;
	uint64_t got = 0;

	*out = (struct lc_answer){0};
	if (lc_adapter_json(said, n, "answer", &o, err))
		return err->code;
	if (take_outcome(o, out, err) ||
	    take_text(o, "phase", out->phase, sizeof(out->phase), err) ||
	    take_text(o, "code", out->code, sizeof(out->code), err) ||
	    take_text(o, "detail", out->detail, sizeof(out->detail), err) ||
	    lp_json_u64(o, "released", LP_JSON_OPTIONAL, RULE, &out->released, err) ||
	    take_tree(o, dir, out, err))
		return lp_within(err, "answer");
	if (seq && lp_json_u64(o, "seq", LP_JSON_REQUIRED, RULE, &got, err))
		return lp_within(err, "answer");
	if (got != seq)
		return lp_fail(err, LP_EFORMAT, LP_NO_OFFSET, RULE,
			       "answer to question %ju, not to %ju", (uintmax_t)got,
			       (uintmax_t)seq);
	if (*out->phase && !lc_phase_order(out->phase))
		return lp_fail(err, LP_EFORMAT, LP_NO_OFFSET, RULE, "unknown phase \"%s\"",
			       out->phase);
	return LP_OK;
}

void lc_words_free(struct lc_words *w)
{
	for (size_t i = 0; i < w->n; i++)
		free(w->v[i]);
	free(w->v);
	*w = (struct lc_words){0};
}

enum lp_code lc_words_add(struct lc_words *w, struct lp_err *err, const char *fmt, ...)
{
	va_list ap;
	int n;

	if (w->n + 1 >= w->cap) {
		size_t cap = w->cap ? 2 * w->cap : 16;
		char **more = reallocarray(w->v, cap, sizeof(*more));

		if (!more)
			return lp_fail_errno(err, "words of a command");
		w->v = more;
		w->cap = cap;
	}
	va_start(ap, fmt);
	n = vasprintf(&w->v[w->n], fmt, ap);
	va_end(ap);
	if (n < 0) {
		w->v[w->n] = NULL;
		return lp_fail_errno(err, "word of a command");
	}
	w->v[++w->n] = NULL;
	return LP_OK;
}

enum lp_code lc_question_words(const struct lc_adapter *a, const struct gen_vector *v,
			       const char *box, struct lc_words *out, struct lp_err *err)
{
	for (size_t i = 0; i < a->nword; i++)
		if (lc_words_add(out, err, "%s", a->word[i]))
			return err->code;
	if (lc_words_add(out, err, "%s", v->op) ||
	    (v->ninput && lc_words_add(out, err, "--in=%s/in/%s", box, v->input[0].role)) ||
	    lc_words_add(out, err, "--format=%s", v->format))
		return err->code;
	for (size_t i = 1; i < v->ninput; i++)
		if (lc_words_add(out, err, "--%s=%s/in/%s", v->input[i].role, box,
				 v->input[i].role))
			return err->code;
	for (size_t i = 0; i < v->narg; i++) {
		if (strlen(v->arg[i].value) != v->arg[i].n)
			return lp_fail(err, LP_EUNSUP, LP_NO_OFFSET, NULL,
				       "argument %s has a NUL", v->arg[i].name);
		if (lc_words_add(out, err, "--%s=%s", v->arg[i].name, v->arg[i].value))
			return err->code;
	}
	for (size_t i = 0; i < v->nflag; i++)
		if (lc_words_add(out, err, "--flag=%s", v->flag[i]))
			return err->code;
	if (!strcmp(v->op, "unpack") && lc_words_add(out, err, "--dest=%s/dest", box))
		return err->code;
	return lc_words_add(out, err, "--verdict=%s", v->verdict);
}

/* The members "inputs", "args" and "flags". */
static bool fill(json_t *o, const struct gen_vector *v, const char *box)
{
	json_t *inputs = json_object(), *args = json_object(), *flags = json_array();
	bool bad = false;

	for (size_t i = 0; i < v->ninput; i++)
		bad |= json_object_set_new(inputs, v->input[i].role,
					   json_sprintf("%s/in/%s", box, v->input[i].role));
	for (size_t i = 0; i < v->narg; i++)
		bad |= json_object_set_new(args, v->arg[i].name,
					   json_stringn(v->arg[i].value, v->arg[i].n));
	for (size_t i = 0; i < v->nflag; i++)
		bad |= json_array_append_new(flags, json_string(v->flag[i]));
	if (!strcmp(v->op, "unpack"))
		bad |= json_object_set_new(args, "dest", json_sprintf("%s/dest", box));
	bad |= json_object_set_new(args, "verdict", json_string(v->verdict));
	bad |= json_object_set_new(o, "flags", flags);
	bad |= json_object_set_new(o, "inputs", inputs);
	bad |= json_object_set_new(o, "args", args);
	return !bad;
}

enum lp_code lc_question_line(const struct gen_vector *v, const char *box, uint64_t seq,
			      struct lp_buf *out, struct lp_err *err)
{
	LP_AUTO(lp_json_free) json_t *o = json_pack("{s:I, s:s, s:s}", "seq", (json_int_t)seq,
						    "op", v->op, "format", v->format);

	out->len = 0;
	if (!o || !fill(o, v, box) ||
	    (v->ninput && json_object_set_new(o, "in", json_sprintf("%s/in/%s", box,
								     v->input[0].role))))
		return lp_fail(err, LP_EUNSUP, LP_NO_OFFSET, NULL,
			       "an argument cannot be said in JSON");
	if (lp_json_print(o, out, LINE_MAX_BYTES, err))
		return err->code;
	return lp_buf_add(out, "\n", 1, LINE_MAX_BYTES + 1, err);
}
