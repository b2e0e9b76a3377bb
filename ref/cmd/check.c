// SPDX-License-Identifier: MIT
#include "cmd/cmd.h"

#include "cmd/common.h"
#include "cmd/health.h"
#include "format/format.h"
#include "image/agree.h"
#include "image/flatten.h"
#include "image/publish.h"
#include "image/verify.h"

#include <stdio.h>

struct args {
	struct lp_common common;
};

static const struct lp_option table[] = {
	LP_COMMON_OPTIONS(struct args),
	{0},
};

static const struct lp_usage usage = {
	.program = "lazypull check",
	.operands = "[IMAGE]",
	.what = "verify everything of an image: documents, metadata, chunks, whole blobs; without one,\n"
		"verify and mend the store: what is damaged is fetched again when it is wanted",
	.table = table,
	.order = LP_OPT_PERMUTE,
	.least = 0,
	.most = 1,
};

/* Stores of its own, within the user's: nothing that was verified before is believed. */
struct workplace {
	struct lp_store outer;
	struct lp_store lazy;	/* layers as their formats read them */
	struct lp_store plain;	/* and as tars */
	char name[LP_STAGE_NAME];
	int dir;
};

static enum lp_code open_inner(struct workplace *w, const char *name, struct lp_store *s,
			       struct lp_err *err)
{
	char path[sizeof(w->outer.path) + LP_STAGE_NAME + 10];

	snprintf(path, sizeof(path), "%s/%s/%s", w->outer.path, w->name, name);
	if (lp_store_open(s, path, err))
		return err->code;
	s->later = true;
	return LP_OK;
}

static enum lp_code workplace_open(struct workplace *w, const char *store, struct lp_err *err)
{
	if (lp_store_open(&w->outer, store, err) ||
	    lp_store_stage(&w->outer, w->name, &w->dir, err) ||
	    open_inner(w, "lazy", &w->lazy, err) || open_inner(w, "plain", &w->plain, err))
		return err->code;
	return LP_OK;
}

static void workplace_free(struct workplace *w)
{
	struct lp_err left = {0};

	if (w->lazy.path[0])
		lp_store_discard(&w->lazy);
	if (w->plain.path[0])
		lp_store_discard(&w->plain);
	if (w->name[0] && lp_store_remove(&w->outer, w->name, &left))
		lp_log_say(usage.program, "%s stays: %s", w->name, left.msg);
	lp_fd_close(&w->dir);
	lp_store_free(&w->lazy);
	lp_store_free(&w->plain);
	lp_store_free(&w->outer);
}

/* Does a layer have metadata of its own, beside its tar? */
static bool has_lazy_layer(const struct lp_local *l)
{
	for (size_t i = 0; i < l->nlayer; i++)
		if (!lp_format_named(l->layer[i].format)->stream)
			return true;
	return false;
}

/*
 * Read each blob whole, as a tar: its digest, the digest of its plain bytes, and that it holds
 * the tree which the lazy reading found.
 */
static enum lp_code check_plain(struct workplace *w, struct lp_image *i, struct lp_filler *lazy,
				struct lp_progress *progress, struct lp_err *err)
{
	const struct lp_publish_options o = {.plain = true, .progress = progress};
	LP_AUTO(lp_filler_free) struct lp_filler plain = LP_FILLER_EMPTY;

	if (lp_publish(i, &w->plain, &o, err) || lp_filler_open(&plain, i, &w->plain, err) ||
	    lp_agree(lazy, &plain, w->dir, err))
		return err->code;
	return LP_OK;
}

static enum lp_code check_all(const struct args *a, struct lp_image *i, struct workplace *w,
			      struct lp_err *err)
{
	LP_AUTO(lp_filler_free) struct lp_filler lazy = LP_FILLER_EMPTY;
	struct lp_progress progress;
	const struct lp_publish_options o = {.allow_unverified = a->common.allow_unverified,
					     .progress = &progress};
	uint64_t bytes = 0;
	enum lp_code rc;
	bool whole = false;

	for (size_t n = 0; n < i->manifest.nlayer; n++)
		bytes += 2 * i->manifest.layer[n].bytes;
	lp_progress_start(&progress, "check", bytes);
	rc = lp_publish(i, &w->lazy, &o, err);
	rc = rc ? rc : lp_fill(i, &w->lazy, &progress, err);
	rc = rc ? rc : lp_filler_open(&lazy, i, &w->lazy, err);
	rc = rc ? rc : lp_flatten_wanted(i, &whole, err);
	if (!rc && whole)
		rc = lp_verify(i, &progress, err);
	else if (!rc && has_lazy_layer(&lazy.local))
		rc = check_plain(w, i, &lazy, &progress, err);
	lp_progress_end(&progress);
	return rc;
}

static enum lp_code check(const struct args *a, const char *name, struct lp_err *err)
{
	LP_AUTO(workplace_free) struct workplace w = {.outer = {.dir = -1}, .lazy = {.dir = -1},
						      .plain = {.dir = -1}, .dir = -1};
	LP_AUTO(lp_image_free) struct lp_image image = LP_IMAGE_EMPTY;
	char text[LP_DIGEST_TEXT];

	if (workplace_open(&w, a->common.store, err) ||
	    lp_common_open(&a->common, name, &image, err) || check_all(a, &image, &w, err))
		return err->code;
	lp_digest_text(&image.digest, text);
	printf(a->common.json ? "{\"digest\":\"%s\",\"layers\":%zu}\n" : "%s: %zu layers verified\n",
	       text, image.manifest.nlayer);
	return LP_OK;
}

static void tell_text(struct lp_audit *a, const char *name, const struct lp_err *what,
		      const char *remedy)
{
	(void)a;
	printf("%s: %s%s%s%s: %s\n", name, what->msg, what->rule ? " [" : "",
	       what->rule ? what->rule : "", what->rule ? "]" : "",
	       remedy ? remedy : "in use: it stays as it is");
}

static void print_line(json_t *j)
{
	if (j)
		json_dumpf(j, stdout, JSON_COMPACT);
	putchar('\n');
	json_decref(j);
}

static void tell_json(struct lp_audit *a, const char *name, const struct lp_err *what,
		      const char *remedy)
{
	(void)a;
	print_line(json_pack("{s:s, s:s, s:s?, s:s, s:s?}", "damaged", name, "code",
			     lp_code_name(what->code), "rule", what->rule, "message", what->msg,
			     "remedy", remedy));
}

/* The store itself; 1 when something was damaged, mended or not. */
static enum lp_code check_store(const struct args *a, struct lp_err *err)
{
	LP_AUTO(lp_store_free) struct lp_store s = {.dir = -1};
	struct lp_health h = {.audit = {.tell = a->common.json ? tell_json : tell_text}};
	const struct lp_audit *u = &h.audit;

	if (lp_store_open(&s, a->common.store, err) || lp_health_check(&h, &s, err))
		return err->code;
	if (a->common.json)
		print_line(json_pack("{s:I, s:I, s:I, s:I, s:I, s:I}", "images",
				     (json_int_t)h.images, "devices", (json_int_t)u->devices,
				     "chunks", (json_int_t)u->chunks, "bytes",
				     (json_int_t)u->bytes, "found", (json_int_t)u->damaged,
				     "left", (json_int_t)u->left));
	else
		printf("%llu images, %llu devices, %llu chunks of %llu bytes verified\n",
		       (unsigned long long)h.images, (unsigned long long)u->devices,
		       (unsigned long long)u->chunks, (unsigned long long)u->bytes);
	if (u->damaged)
		return lp_fail(err, LP_EDIGEST, LP_NO_OFFSET, NULL,
			       "%llu damaged, of which %llu stay so", (unsigned long long)u->damaged,
			       (unsigned long long)u->left);
	return LP_OK;
}

int lp_cmd_check(int argc, char **argv)
{
	struct args a = {.common = {.store = NULL}};
	struct lp_err err = {0};
	enum lp_code code;
	int operand, status;

	if (!lp_command_parse(&usage, argc, argv, &a, &operand, &status))
		return status;
	code = operand < argc ? check(&a, argv[operand], &err) : check_store(&a, &err);
	return lp_command_end(&usage, code, &err, a.common.json);
}
