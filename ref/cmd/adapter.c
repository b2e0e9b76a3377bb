// SPDX-License-Identifier: MIT
/*
 * adapter - this reader behind lazyconf's protocol: one request a run, or a line each.
 *
 * Specification: conformance/docs/PROTOCOL.md
 */
#include "cmd/cmd.h"

#include "base/file.h"
#include "base/log.h"
#include "base/rule.h"
#include "cmd/judge.h"
#include "format/policy.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define PROGRAM "lazypull adapter"
#define HOME "lazypull"
#define READ_BYTES ((size_t)64 << 10)	/* ours: of requests, read at once */

enum { ACCEPT = 0, REJECT = 1, UNSUPPORTED = 2, ERROR = 3 };

static const char *const outcomes[] = {"accept", "reject", "unsupported", "error"};
static const char *const features[] = {"full", "lz4", "blake3", "zran", "whiteouts", "xattrs",
				       "clause-ids", NULL};

/* Set @key of @o to @value, which may be NULL: memory ran out. */
static enum lp_code set(json_t *o, const char *key, json_t *value, struct lp_err *err)
{
	return json_object_set_new(o, key, value) ? lp_fail_errno(err, "an answer") : LP_OK;
}

static json_t *list_words(const char *const *word)
{
	json_t *a = json_array();

	for (; a && *word; word++)
		json_array_append_new(a, json_string(*word));
	return a;
}

static json_t *list_policies(void)
{
	json_t *o = json_object();

	for (size_t i = 0; o && i < lp_npolicies; i++)
		json_object_set_new(o, lp_policies[i].id, json_string(lp_policies[i].choice));
	return o;
}

static enum lp_code hello(json_t *to, struct lp_err *err)
{
	if (set(to, "protocol", json_integer(1), err) ||
	    set(to, "impl", json_pack("{s:s, s:s, s:s}", "name", "lazypull", "version", LP_VERSION,
				      "home", HOME), err) ||
	    set(to, "formats", list_words(lp_judge_formats), err) ||
	    set(to, "ops", list_words(lp_judge_ops), err) ||
	    set(to, "features", list_words(features), err) ||
	    set(to, "policies", list_policies(), err) || set(to, "tree", json_true(), err) ||
	    set(to, "phases", json_true(), err))
		return err->code;
	return LP_OK;
}

/* Messages quote documents, whose bytes may be no UTF-8. */
static json_t *message(const struct lp_err *why)
{
	char ascii[sizeof(why->msg)];

	memcpy(ascii, why->msg, sizeof(ascii));
	for (char *p = ascii; *p; p++)
		if ((unsigned char)*p > '~')
			*p = '?';
	return json_string(ascii);
}

static enum lp_code refuse(json_t *to, int status, const struct lp_err *why, struct lp_err *err)
{
	if (set(to, "outcome", json_string(outcomes[status]), err) ||
	    set(to, "detail", message(why), err))
		return err->code;
	if (status != REJECT || !why->rule)
		return LP_OK;
	if (set(to, "code", json_string(why->rule), err) ||
	    set(to, "phase", json_string(why->code == LP_ELIMIT ? "limits"
								: lp_rule_phase(why->rule)), err))
		return err->code;
	return LP_OK;
}

/* The canonical text, to the file that was named. */
static enum lp_code put_text(json_t *to, const struct lp_ask *a, const struct lp_verdict *v,
			     struct lp_err *err)
{
	const char *file = lp_ask_arg(a, "out");

	if (!file || v->tree.alg == LP_NO_DIGEST)
		return LP_OK;
	if (lp_file_put(AT_FDCWD, file, v->text.p, v->text.len, err) ||
	    set(to, "tree", json_string(file), err))
		return err->code;
	return LP_OK;
}

/* The digits of @d as @key, if there is one. */
static enum lp_code set_digest(json_t *to, const char *key, const struct lp_digest *d,
			       struct lp_err *err)
{
	char hex[LP_DIGEST_TEXT];

	if (d->alg == LP_NO_DIGEST)
		return LP_OK;
	lp_digest_hex(d, hex);
	return set(to, key, json_string(hex), err);
}

static enum lp_code accept(json_t *to, const struct lp_ask *a, const struct lp_verdict *v,
			   struct lp_err *err)
{
	if (set(to, "outcome", json_string(outcomes[ACCEPT]), err) ||
	    set(to, "released", json_integer((json_int_t)v->released), err) ||
	    put_text(to, a, v, err))
		return err->code;
	if (v->ranges)
		return set(to, "ranges", json_incref(v->ranges), err);
	if (set_digest(to, "tree_sha256", &v->tree, err) ||
	    set_digest(to, "plain_sha256", &v->plain, err))
		return err->code;
	return LP_OK;
}

/* Carry out @a; what becomes of it is told in @to. */
static enum lp_code answer(const struct lp_ask *a, struct lp_verdict *v, json_t *to, int *status,
			   struct lp_err *err)
{
	struct lp_err why = {0};
	enum lp_code code = lp_judge(a, v, &why);

	*status = !code ? ACCEPT : v->unsupported ? UNSUPPORTED : lp_judge_rejects(&why) ? REJECT
											: ERROR;
	if (v->stats && set(to, "stats", json_incref(v->stats), err))
		return err->code;
	return code ? refuse(to, *status, &why, err) : accept(to, a, v, err);
}

static enum lp_code print(const json_t *j, struct lp_err *err)
{
	LP_AUTO(lp_buf_free) struct lp_buf text = {.p = NULL};

	if (lp_json_print(j, &text, LP_ASK_BYTES, err) ||
	    lp_buf_add(&text, "\n", 1, LP_ASK_BYTES + 1, err) ||
	    lp_file_write(STDOUT_FILENO, text.p, text.len, err))
		return err->code;
	return LP_OK;
}

/* The line [@text, +@n): one answer, whatever stands in it. */
static enum lp_code serve_line(const char *text, size_t n, struct lp_err *err)
{
	LP_AUTO(lp_ask_free) struct lp_ask a = {.op = NULL};
	LP_AUTO(lp_verdict_free) struct lp_verdict v = {.ranges = NULL};
	LP_AUTO(lp_json_free) json_t *to = json_object();
	struct lp_err why = {0};
	enum lp_code code = lp_ask_json(&a, text, n, &why);
	int status;

	if (set(to, "seq", a.seq ? json_incref(a.seq) : json_null(), err))
		return err->code;
	if (code)
		code = refuse(to, code == LP_EUNSUP ? UNSUPPORTED : ERROR, &why, err);
	else
		code = strcmp(a.op, "hello") ? answer(&a, &v, to, &status, err) : hello(to, err);
	return code ? code : print(to, err);
}

static enum lp_code refuse_line(struct lp_err *err)
{
	LP_AUTO(lp_json_free) json_t *to = json_object();
	struct lp_err why;

	lp_fail(&why, LP_ELIMIT, LP_NO_OFFSET, NULL, "a line above %zu bytes", LP_ASK_BYTES);
	if (set(to, "seq", json_null(), err) || refuse(to, ERROR, &why, err) || print(to, err))
		return err->code;
	return LP_OK;
}

/* Serve the whole lines of @in; what is left of a line too long to be one is dropped. */
static enum lp_code serve_lines(struct lp_buf *in, size_t looked, bool *skip, struct lp_err *err)
{
	size_t at = 0;
	uint8_t *end;

	while ((end = memchr(in->p + looked, '\n', in->len - looked))) {
		size_t n = (size_t)(end - in->p) - at;

		if (!*skip && serve_line((const char *)in->p + at, n, err))
			return err->code;
		*skip = false;
		at = looked = (size_t)(end - in->p) + 1;
	}
	memmove(in->p, in->p + at, in->len - at);
	in->len -= at;
	if (in->len <= LP_ASK_BYTES && !*skip)
		return LP_OK;
	in->len = 0;
	if (*skip)
		return LP_OK;
	*skip = true;
	return refuse_line(err);
}

static enum lp_code serve(struct lp_err *err)
{
	LP_AUTO(lp_buf_free) struct lp_buf in = {.p = NULL};
	bool skip = false;
	ssize_t got;

	for (;;) {
		if (lp_buf_reserve(&in, READ_BYTES, LP_ASK_BYTES + 2 * READ_BYTES, err))
			return err->code;
		got = read(STDIN_FILENO, in.p + in.len, READ_BYTES);
		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			return lp_fail_errno(err, "read requests");
		if (!got)
			break;
		in.len += (size_t)got;
		if (serve_lines(&in, in.len - (size_t)got, &skip, err))
			return err->code;
	}
	return in.len && !skip ? serve_line((const char *)in.p, in.len, err) : LP_OK;
}

/* One request of the command line. */
static enum lp_code run(int argc, char **argv, int *status, struct lp_err *err)
{
	LP_AUTO(lp_ask_free) struct lp_ask a = {.op = NULL};
	LP_AUTO(lp_verdict_free) struct lp_verdict v = {.ranges = NULL};
	LP_AUTO(lp_json_free) json_t *to = json_object();
	struct lp_err why = {0};
	enum lp_code code;

	if (!strcmp(argv[0], "hello") && argc == 1) {
		*status = ACCEPT;
		return hello(to, err) || print(to, err) ? err->code : LP_OK;
	}
	code = lp_ask_argv(&a, argc, argv, &why);
	*status = code == LP_EUNSUP ? UNSUPPORTED : ERROR;
	code = code ? refuse(to, *status, &why, err) : answer(&a, &v, to, status, err);
	if (!code && *status == ACCEPT && !strcmp(a.op, "list") && v.tree.alg)
		return lp_file_write(STDOUT_FILENO, v.text.p, v.text.len, err);
	return code ? code : print(to, err);
}

int lp_cmd_adapter(int argc, char **argv)
{
	struct lp_err err = {0};
	int status = ACCEPT;

	if (argc < 2 || !strcmp(argv[1], "--help")) {
		fputs("usage: " PROGRAM " hello|serve\n       " PROGRAM
		      " verify|list|read|unpack --in=FILE --format=FORMAT [--ROLE=FILE...]"
		      " [--NAME=VALUE...]\n\nanswer lazyconf: conformance/docs/PROTOCOL.md\n",
		      argc < 2 ? stderr : stdout);
		return argc < 2 ? ERROR : 0;
	}
	if (!strcmp(argv[1], "serve") && argc == 2 ? serve(&err)
						   : run(argc - 1, argv + 1, &status, &err)) {
		lp_log_failure(PROGRAM, &err, false);
		return ERROR;
	}
	return status;
}
