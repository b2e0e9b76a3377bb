// SPDX-License-Identifier: MIT
#include "experiment/prepare.h"

#include "base/log.h"
#include "oci/layout.h"
#include "oci/manifest.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define WORDS_MAX ((size_t)1 << 20)

const char *const lb_forms[LB_FORMS] = {
	LB_FORM_LEGACY, LB_FORM_ESTARGZ, LB_FORM_OPTIMISED, LB_FORM_RAFS6,
	LB_FORM_RAFS6_OPTIMISED, LB_FORM_RAFS5, LB_FORM_RAFS5_OPTIMISED,
};

/* How forms are made of the legacy one; those without the list come first. */
static const struct made {
	const char *form, *to;
	bool listed;		/* with what the first task reads, first */
} makes[] = {
	{LB_FORM_ESTARGZ, "estargz", false}, {LB_FORM_RAFS6, "rafs6", false},
	{LB_FORM_RAFS5, "rafs5", false}, {LB_FORM_OPTIMISED, "estargz", true},
	{LB_FORM_RAFS6_OPTIMISED, "rafs6", true}, {LB_FORM_RAFS5_OPTIMISED, "rafs5", true},
};

static void blob_path(const char *layout, const struct lp_digest *d, char out[static LB_PATH])
{
	char hex[LP_DIGEST_TEXT];

	lp_digest_hex(d, hex);
	lb_path(out, "%s/blobs/%s/%s", layout, lp_alg_name(d->alg), hex);
}

static enum lp_code load_manifest(const char *path, const struct lp_descriptor *d,
				  struct lp_manifest *out, struct lp_err *err)
{
	LP_AUTO(lp_buf_free) struct lp_buf text = {0};

	if (lp_file_load(AT_FDCWD, path, LP_MANIFEST_MAX, &text, err))
		return err->code;
	return lp_manifest_parse(text.p, text.len, d->media_type, out, err);
}

/* Give one blob of layout @from to layout @to, without copying where that can be. */
static enum lp_code link_blob(const char *from, const char *to, const struct lp_digest *d,
			      struct lp_err *err)
{
	char source[LB_PATH], target[LB_PATH], directory[LB_PATH];

	blob_path(from, d, source);
	blob_path(to, d, target);
	lb_path(directory, "%.*s", (int)(strrchr(target, '/') - target), target);
	if (lb_make_directory(directory, err))
		return err->code;
	if (link(source, target) && errno != EEXIST)
		return lp_fail_errno(err, "link %s to %s", source, target);
	return LP_OK;
}

/* The corpus as repository @to, tag legacy. */
static enum lp_code link_legacy(const char *from, const char *tag, const char *to,
				struct lp_err *err)
{
	LP_AUTO(lp_layout_free) struct lp_layout source = {.dir = -1};
	LP_AUTO(lp_layout_free) struct lp_layout target = {.dir = -1};
	LP_AUTO(lp_descriptor_free) struct lp_descriptor d = {0};
	LP_AUTO(lp_manifest_free) struct lp_manifest m = {0};
	char path[LB_PATH];

	if (lp_layout_open(&source, from, err) || lp_layout_find(&source, tag, &d, err))
		return err->code;
	blob_path(from, &d.digest, path);
	if (load_manifest(path, &d, &m, err) || lp_layout_create(&target, to, err) ||
	    link_blob(from, to, &d.digest, err) || link_blob(from, to, &m.config.digest, err))
		return err->code;
	for (size_t i = 0; i < m.nlayer; i++)
		if (link_blob(from, to, &m.layer[i].digest, err))
			return err->code;
	return lp_layout_tag(&target, LB_FORM_LEGACY, &d, err);
}

/* Run one of our own commands, whose failure is ours. */
static enum lp_code must_run(const struct lb_args *a, struct lp_err *err)
{
	LP_AUTO(lp_buf_free) struct lp_buf out = {0};

	return lb_capture(a, WORDS_MAX, &out, NULL, err);
}

static enum lp_code convert(struct lb_lab *l, const char *layout, const struct made *m,
			    const char *list, struct lp_err *err)
{
	struct lb_args a = {.n = 0};

	lb_args_add(&a, "%s", l->programs.lazypull);
	lb_args_add(&a, "convert");
	lb_args_add(&a, "--to=%s", m->to);
	if (m->listed)
		lb_args_add(&a, "--prefetch-list=%s", list);
	lb_args_add(&a, "oci:%s:%s", layout, LB_FORM_LEGACY);
	lb_args_add(&a, "oci:%s:%s", layout, m->form);
	return must_run(&a, err);
}

static enum lp_code record(struct lb_lab *l, const char *reference, const struct lb_task *t,
			   const char *list, struct lp_err *err)
{
	char store[LB_PATH];
	struct lb_args a = {.n = 0};
	struct lb_cost cost = {0};
	enum lp_code code;

	lb_lab_path(l, "stores/record", store);
	if (lb_remove_tree(store, err) || lb_make_directory(store, err))
		return err->code;
	lb_args_add(&a, "%s", l->programs.lazypull);
	lb_args_add(&a, "record");
	lb_args_add(&a, "--store=%s", store);
	lb_args_add(&a, "--net=host");
	lb_args_add(&a, "-o");
	lb_args_add(&a, "%s", list);
	lb_args_add(&a, "%s", reference);
	for (size_t i = 0; i < json_array_size(t->argv); i++)
		lb_args_add(&a, "%s", json_string_value(json_array_get(t->argv, i)));
	if (t->ready == LB_READY_HTTP) {
		LP_AUTO(lb_watch_free) struct lb_watch w = {0};
		char words[LB_PATH];

		/* A server ends only when it is told to, once it is ready. */
		lb_lab_path(l, "stderr", words);
		code = lb_watch_task(&w, t, &a, words, l->timeout_ns, err);
		if (!code && (w.timed_out || !w.ready_ns))
			code = lp_fail(err, LP_EREMOTE, LP_NO_OFFSET, NULL,
				       "record: the server does not become ready");
	} else {
		code = must_run(&a, err);
	}
	lb_orphans_end(l->registry.pid, 10000, &cost);
	if (code)
		return code;
	return lb_remove_tree(store, err);
}

/* What the forms were made from and by: while it is the same they are good. */
static enum lp_code make_stamp(struct lb_lab *l, const char *corpus, struct lp_buf *out,
			       struct lp_err *err)
{
	LP_AUTO(lp_fd_close) int fd = open(l->programs.lazypull, O_RDONLY | O_CLOEXEC);
	LP_AUTO(lp_map_free) struct lp_map map = {0};
	char hex[LP_DIGEST_TEXT], path[LB_PATH];
	struct lp_digest d;

	if (fd < 0)
		return lp_fail_errno(err, "open %s", l->programs.lazypull);
	if (lp_map_fd(&map, fd, err))
		return err->code;
	lp_digest_of(LP_SHA256, map.p, map.bytes, &d);
	lp_digest_hex(&d, hex);
	lb_path(path, "%s/index.json", corpus);
	if (lp_file_load(AT_FDCWD, path, WORDS_MAX, out, err))
		return err->code;
	return lp_buf_add(out, hex, strlen(hex), WORDS_MAX + LP_DIGEST_TEXT, err);
}

static bool stamped(const char *path, const struct lp_buf *want)
{
	LP_AUTO(lp_buf_free) struct lp_buf got = {0};
	struct lp_err err;

	return !lp_file_load(AT_FDCWD, path, 2 * WORDS_MAX, &got, &err) && got.len == want->len &&
	       !memcmp(got.p, want->p, want->len);
}

static enum lp_code make_forms(struct lb_lab *l, const struct lb_workload *w, const char *corpus,
			       const char *layout, struct lp_err *err)
{
	char list[LB_PATH], reference[400];
	bool recorded = false;

	lb_path(list, "%s.prefetch", layout);
	snprintf(reference, sizeof(reference), "%s/%s:%s", l->host, w->name, LB_FORM_ESTARGZ);
	if (lb_remove_tree(layout, err) || link_legacy(corpus, w->tag, layout, err))
		return err->code;
	for (size_t i = 0; i < sizeof(makes) / sizeof(makes[0]); i++) {
		if (makes[i].listed && !recorded) {
			lp_log_say("lazybench", "%s: recording task \"%s\"", w->name,
				   w->task[0].name);
			if (record(l, reference, &w->task[0], list, err))
				return err->code;
			recorded = true;
		}
		lp_log_say("lazybench", "%s: converting to %s", w->name, makes[i].form);
		if (convert(l, layout, &makes[i], list, err))
			return err->code;
	}
	return LP_OK;
}

static enum lp_code add_blob(struct lb_form *f, const char *layout, const struct lp_digest *d,
			     struct lp_err *err)
{
	char path[LB_PATH];

	if (f->nblob == LB_BLOBS_MAX)
		return lp_fail(err, LP_ELIMIT, LP_NO_OFFSET, NULL, "more than %d blobs",
			       LB_BLOBS_MAX);
	blob_path(layout, d, path);
	f->blob[f->nblob] = strdup(path);
	if (!f->blob[f->nblob++])
		return lp_fail_errno(err, "blob");
	return LP_OK;
}

enum lp_code lb_form_describe(struct lb_form *f, const char *layout, const char *tag,
			      struct lp_err *err)
{
	LP_AUTO(lp_layout_free) struct lp_layout l = {.dir = -1};
	LP_AUTO(lp_descriptor_free) struct lp_descriptor d = {0};
	LP_AUTO(lp_manifest_free) struct lp_manifest m = {0};
	char path[LB_PATH];

	if (lp_layout_open(&l, layout, err) || lp_layout_find(&l, tag, &d, err))
		return err->code;
	lp_digest_text(&d.digest, f->digest);
	blob_path(layout, &d.digest, path);
	if (load_manifest(path, &d, &m, err) || add_blob(f, layout, &d.digest, err) ||
	    add_blob(f, layout, &m.config.digest, err))
		return err->code;
	for (size_t i = 0; i < m.nlayer; i++) {
		f->layer_bytes += m.layer[i].bytes;
		if (add_blob(f, layout, &m.layer[i].digest, err))
			return err->code;
	}
	return LP_OK;
}

/* In a registry that is not ours: is it there? */
static bool answers(struct lb_lab *l, const char *reference)
{
	LP_AUTO(lp_buf_free) struct lp_buf out = {0};
	struct lb_args a = {.n = 0};
	struct lp_err err;
	int status;

	lb_args_add(&a, "%s", l->programs.lazypull);
	lb_args_add(&a, "inspect");
	lb_args_add(&a, "--raw");
	lb_args_add(&a, "%s", reference);
	return !lb_capture(&a, WORDS_MAX, &out, &status, &err) && !status;
}

static enum lp_code prepare_ours(struct lb_lab *l, struct lb_prepared *p, struct lp_err *err)
{
	LP_AUTO(lp_buf_free) struct lp_buf stamp = {0};
	char corpus[LB_PATH], layout[LB_PATH], stamp_path[LB_PATH], name[100];

	snprintf(name, sizeof(name), "registry/%s", p->workload.name);
	lb_lab_path(l, name, layout);
	lb_path(corpus, "%s/%s", l->corpora, p->workload.name);
	lb_path(stamp_path, "%s.stamp", layout);
	if (make_stamp(l, corpus, &stamp, err))
		return err->code;
	if (!stamped(stamp_path, &stamp) &&
	    (make_forms(l, &p->workload, corpus, layout, err) ||
	     lp_file_save(AT_FDCWD, stamp_path, stamp.p, stamp.len, err)))
		return err->code;
	for (size_t i = 0; i < LB_FORMS; i++) {
		if (lb_form_describe(&p->form[i], layout, lb_forms[i], err))
			return err->code;
		p->there[i] = true;
	}
	return LP_OK;
}

enum lp_code lb_prepare(struct lb_lab *l, const char *image, struct lb_prepared *out,
			struct lp_err *err)
{
	*out = (struct lb_prepared){.there = {false}};
	if (lb_workload_load(&out->workload, l->corpora, image, err))
		return err->code;
	for (size_t i = 0; i < LB_FORMS; i++)
		snprintf(out->form[i].reference, sizeof(out->form[i].reference), "%s/%s:%s",
			 l->host, image, lb_forms[i]);
	if (!l->remote)
		return prepare_ours(l, out, err) ? lp_within(err, "%s", image) : LP_OK;
	for (size_t i = 0; i < LB_FORMS; i++)
		out->there[i] = answers(l, out->form[i].reference);
	return LP_OK;
}

enum lp_code lb_prepare_plain(struct lb_lab *l, const struct lb_prepared *p,
			      struct lb_form *form, struct lp_err *err)
{
	char name[100], layout[LB_PATH];
	struct lb_args a = {.n = 0};

	*form = (struct lb_form){.nblob = 0};
	snprintf(name, sizeof(name), "plain/%.80s", p->workload.name);
	lb_lab_path(l, name, layout);
	if (lb_remove_tree(layout, err) || lb_make_directory(layout, err))
		return err->code;
	lb_args_add(&a, "%s", l->programs.lazypull);
	lb_args_add(&a, "convert");
	lb_args_add(&a, "--to=oci");
	lb_args_add(&a, "--compressor=none");
	lb_args_add(&a, "oci:%s/registry/%s:%s", l->work, p->workload.name, LB_FORM_LEGACY);
	lb_args_add(&a, "oci:%s:plain", layout);
	snprintf(form->reference, sizeof(form->reference), "oci:%.380s:plain", layout);
	if (must_run(&a, err) || lb_form_describe(form, layout, "plain", err))
		return err->code;
	return LP_OK;
}

void lb_form_free(struct lb_form *f)
{
	for (size_t i = 0; i < f->nblob; i++)
		free(f->blob[i]);
	f->nblob = 0;
}

void lb_prepared_free(struct lb_prepared *p)
{
	for (size_t i = 0; i < LB_FORMS; i++)
		lb_form_free(&p->form[i]);
	lb_workload_free(&p->workload);
	*p = (struct lb_prepared){.there = {false}};
}

const struct lb_form *lb_prepared_form(const struct lb_prepared *p, const char *tag)
{
	for (size_t i = 0; i < LB_FORMS; i++)
		if (p->there[i] && !strcmp(lb_forms[i], tag))
			return &p->form[i];
	return NULL;
}
