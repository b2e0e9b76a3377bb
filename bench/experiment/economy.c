// SPDX-License-Identifier: MIT
#include "experiment/economy.h"

#include "experiment/contest.h"
#include "experiment/prepare.h"
#include "experiment/serve.h"
#include "system/containerd.h"

#include <stdio.h>
#include <string.h>

#define FILES_IMAGE "small-files"
#define PATIENCE_MS 10000	/* with what a job leaves behind, ours */
#define MIB ((uint64_t)1 << 20)

enum { OPTIMISED, UNOPTIMISED, MEMORY, MEMORY_FILES };

static const struct lb_bar bars[] = {
	{"optimised", "requests", 0, 14, NULL, 0},
	{"optimised", "body_bytes", 1050000, 0, NULL, 0},
	{"unoptimised", "requests", 900000, 0, NULL, 0},
	{"unoptimised", "body_bytes", 1050000, 0, NULL, 0},
	{"unoptimised", "requests", 600000, 0, "or else this", 0},
	{"unoptimised", "body_bytes", 2500000, 0, "with this", 0},
	{"optimised", "first_output_ns", 0, 0, "command to first line", 0},
	{"unoptimised", "first_output_ns", 0, 0, "command to first line", 0},
	{"memory", "rss_bytes", 0, 6 * MIB, "theirs: the snapshotter alone", 0},
	{"memory-files", "rss_bytes", 0, 12 * MIB, "theirs: the snapshotter alone", 0},
	{0},
};

struct economy {
	struct lb_lab lab;
	struct lb_prepared image, files;
};

static void free_economy(struct economy *e)
{
	lb_prepared_free(&e->image);
	lb_prepared_free(&e->files);
	lb_lab_free(&e->lab);
}

static enum lp_code start_ours(struct economy *e, const char *system, json_t *out,
			       struct lp_err *err)
{
	LP_AUTO(lb_watch_free) struct lb_watch w = {0};
	const struct lb_system *s = lb_system_find(system);
	const struct lb_form *f = s ? lb_prepared_form(&e->image, s->tag) : NULL;
	char store[LB_PATH], words[LB_PATH];
	struct lb_start start = {.programs = &e->lab.programs, .store = store,
				 .task = &e->image.workload.task[0]};
	struct lb_cost after = {0};
	struct lb_args a = {.n = 0};

	if (!f)
		return lp_fail(err, LP_EMISSING, LP_NO_OFFSET, NULL, "%s: no image", system);
	start.reference = f->reference;
	lb_lab_path(&e->lab, "stderr", words);
	if (lb_contest_fresh(&e->lab, store, err) || lb_serve_forget(&e->lab, err))
		return err->code;
	s->family->command(s, &start, &a);
	if (lb_watch_task(&w, start.task, &a, words, e->lab.timeout_ns, err))
		return err->code;
	lb_orphans_end(e->lab.registry.pid, PATIENCE_MS, &after);
	if (w.status)
		return lp_fail(err, LP_EREMOTE, LP_NO_OFFSET, NULL, "status %d; see %s", w.status,
			       words);
	return lb_serve_count(&e->lab, w.begin_ns, w.first_output_ns, out, err);
}

/* ctdrive [-lazy ...] run REF ARGV..., on a containerd of its own. */
static enum lp_code start_theirs(struct economy *e, const struct lb_prepared *image,
				 const char *tag, const struct lb_task *t, json_t *out,
				 struct lp_err *err)
{
	const struct lb_form *f = lb_prepared_form(image, tag);
	LP_AUTO(lb_containerd_free) struct lb_containerd peer = {.peers = NULL};
	LP_AUTO(lp_json_free) json_t *ns = NULL;
	const char *words[32] = {"-snapshotter=stargz", "-lazy", "run", f ? f->reference : ""};
	bool noprefetch = strcmp(tag, LB_FORM_OPTIMISED) != 0;
	char directory[LB_PATH];
	size_t n = 4;

	for (size_t i = 0; i < json_array_size(t->argv) && n < 32; i++)
		words[n++] = json_string_value(json_array_get(t->argv, i));
	if (!f)
		return lp_fail(err, LP_EMISSING, LP_NO_OFFSET, NULL, "no image %s", tag);
	if (lb_contest_fresh(&e->lab, directory, err) || lb_serve_forget(&e->lab, err) ||
	    lb_containerd_start(&peer, &e->lab.programs, directory, noprefetch, err) ||
	    lb_containerd_drive(&peer, words, n, &ns, err) ||
	    lb_serve_memory(peer.stargz.pid, out, err))
		return err->code;
	/* Requests are logged when they end. */
	lb_containerd_free(&peer);
	return lb_serve_count(&e->lab, lb_number(ns, "request"), lb_number(ns, "output"), out, err);
}

/* Mount, do the task in there, ask. */
static enum lp_code memory_ours(struct economy *e, const struct lb_prepared *image,
				const struct lb_task *t, json_t *out, struct lp_err *err)
{
	const struct lb_serving s = {.form = lb_prepared_form(image, LB_FORM_ESTARGZ), .task = t,
				     .mode = "fuse"};

	if (!s.form)
		return lp_fail(err, LP_EMISSING, LP_NO_OFFSET, NULL, "no image");
	return lb_serve_ours(&e->lab, &s, out, err);
}

static enum lp_code job(void *experiment, size_t contest, enum lb_side side, json_t *out,
			struct lp_err *err)
{
	struct economy *e = experiment;
	const struct lb_task *hello = &e->image.workload.task[0];
	const struct lb_task *all = lb_workload_task(&e->files.workload, "all");

	*err = (struct lp_err){0};
	if (!all)
		return lp_fail(err, LP_EMISSING, LP_NO_OFFSET, NULL, "no task \"all\"");
	if (contest == OPTIMISED)
		return side == LB_OURS ?
		       start_ours(e, "ref/estargz/fuse+opt+prefetch", out, err) :
		       start_theirs(e, &e->image, LB_FORM_OPTIMISED, hello, out, err);
	if (contest == UNOPTIMISED && side == LB_OURS)
		return start_ours(e, "ref/estargz/fuse", out, err);
	if (side == LB_THEIRS)
		return contest == MEMORY_FILES ?
		       start_theirs(e, &e->files, LB_FORM_ESTARGZ, all, out, err) :
		       start_theirs(e, &e->image, LB_FORM_ESTARGZ, hello, out, err);
	return contest == MEMORY_FILES ? memory_ours(e, &e->files, all, out, err) :
					 memory_ours(e, &e->image, hello, out, err);
}

enum lp_code lb_economy(struct lb_session *s, struct lb_run_options *o, struct lp_err *err)
{
	LP_AUTO(free_economy) struct economy e = {.lab.registry = {.pidfd = -1}};
	const struct lb_contests contests = {
		.name = {"optimised", "unoptimised", "memory", "memory-files"}, .n = 4,
		.job = job, .experiment = &e, .bar = bars,
	};
	const char *bring;

	if (o->lab.registry)
		return lp_fail(err, LP_EUSAGE, LP_NO_OFFSET, NULL,
			       "requests are counted by the embedded registry alone");
	if (lb_contests_check(&contests, o, err) || lb_lab_open(&e.lab, &o->lab, err))
		return err->code;
	bring = lb_containerd_missing(&e.lab.programs);
	if (bring)
		return lp_fail(err, LP_EMISSING, LP_NO_OFFSET, NULL,
			       "there is nobody to compare with: %s", bring);
	if (lb_prepare(&e.lab, o->images.text[0], &e.image, err) ||
	    lb_prepare(&e.lab, FILES_IMAGE, &e.files, err))
		return err->code;
	return lb_contests_run(&contests, s, &e.lab, o, err);
}
