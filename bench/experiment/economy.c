// SPDX-License-Identifier: MIT
#include "experiment/economy.h"

#include "base/file.h"
#include "experiment/contest.h"
#include "experiment/prepare.h"
#include "system/containerd.h"

#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define FILES_IMAGE "small-files"
#define PATIENCE_MS 10000	/* with what a job leaves behind, ours */
#define STATUS_MAX ((size_t)16 << 20)
#define MIB ((uint64_t)1 << 20)

enum { OPTIMISED, UNOPTIMISED, MEMORY, MEMORY_FILES };

static const struct lb_bar bars[] = {
	{"optimised", "requests", 0, 14, NULL},
	{"optimised", "body_bytes", 1050000, 0, NULL},
	{"unoptimised", "requests", 900000, 0, NULL},
	{"unoptimised", "body_bytes", 1050000, 0, NULL},
	{"unoptimised", "requests", 600000, 0, "or else this"},
	{"unoptimised", "body_bytes", 2500000, 0, "with this"},
	{"optimised", "first_output_ns", 0, 0, "command to first line"},
	{"unoptimised", "first_output_ns", 0, 0, "command to first line"},
	{"memory", "rss_bytes", 0, 6 * MIB, "theirs: the snapshotter alone"},
	{"memory-files", "rss_bytes", 0, 12 * MIB, "theirs: the snapshotter alone"},
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

/* Forget what the registry has logged so far. */
static enum lp_code skip_log(struct lb_lab *l, struct lp_err *err)
{
	const uint64_t ends[LB_PHASES - 1] = {0};
	struct lb_ledger ignored;
	char log[LB_PATH];

	lb_lab_path(l, "requests.jsonl", log);
	return lb_ledger_read(log, &l->log_off, ends, &ignored, err);
}

/* What the registry saw until @output_ns. */
static enum lp_code count(struct lb_lab *l, uint64_t begin_ns, uint64_t output_ns, json_t *out,
			  struct lp_err *err)
{
	const uint64_t ends[LB_PHASES - 1] = {output_ns, output_ns, output_ns};
	struct lb_ledger got;
	char log[LB_PATH];

	lb_lab_path(l, "requests.jsonl", log);
	if (lb_ledger_read(log, &l->log_off, ends, &got, err))
		return err->code;
	if (!output_ns || !got.phase[LB_PULL].requests)
		return lp_fail(err, LP_EREMOTE, LP_NO_OFFSET, NULL,
			       "there was no output, or no request");
	lb_set_number(out, "first_output_ns", output_ns - begin_ns);
	lb_set_number(out, "requests", got.phase[LB_PULL].requests);
	lb_set_number(out, "body_bytes", got.phase[LB_PULL].body_bytes);
	lb_set_number(out, "requests_after", got.phase[LB_AFTER].requests);
	lb_set_number(out, "body_bytes_after", got.phase[LB_AFTER].body_bytes);
	return LP_OK;
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
	if (lb_contest_fresh(&e->lab, store, err) || skip_log(&e->lab, err))
		return err->code;
	s->family->command(s, &start, &a);
	if (lb_watch_task(&w, start.task, &a, words, e->lab.timeout_ns, err))
		return err->code;
	lb_orphans_end(e->lab.registry.pid, PATIENCE_MS, &after);
	if (w.status)
		return lp_fail(err, LP_EREMOTE, LP_NO_OFFSET, NULL, "status %d; see %s", w.status,
			       words);
	return count(&e->lab, w.begin_ns, w.first_output_ns, out, err);
}

/* RssAnon of a process. */
static enum lp_code read_rss(pid_t pid, uint64_t *bytes, struct lp_err *err)
{
	char path[64], line[256];
	unsigned long long kib = 0;
	FILE *f;

	snprintf(path, sizeof(path), "/proc/%d/status", (int)pid);
	f = fopen(path, "re");
	if (!f)
		return lp_fail_errno(err, "open %s", path);
	while (fgets(line, sizeof(line), f) && sscanf(line, "RssAnon: %llu", &kib) != 1)
		;
	fclose(f);
	*bytes = (uint64_t)kib << 10;
	return LP_OK;
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
	uint64_t rss = 0;
	size_t n = 4;

	for (size_t i = 0; i < json_array_size(t->argv) && n < 32; i++)
		words[n++] = json_string_value(json_array_get(t->argv, i));
	if (!f)
		return lp_fail(err, LP_EMISSING, LP_NO_OFFSET, NULL, "no image %s", tag);
	if (lb_contest_fresh(&e->lab, directory, err) || skip_log(&e->lab, err) ||
	    lb_containerd_start(&peer, &e->lab.programs, directory, noprefetch, err) ||
	    lb_containerd_drive(&peer, words, n, &ns, err) ||
	    read_rss(peer.stargz.pid, &rss, err))
		return err->code;
	lb_set_number(out, "rss_bytes", rss);
	/* Requests are logged when they end. */
	lb_containerd_free(&peer);
	return count(&e->lab, lb_number(ns, "request"), lb_number(ns, "output"), out, err);
}

static enum lp_code run_quietly(const struct lb_args *a, struct lp_err *err)
{
	LP_AUTO(lp_buf_free) struct lp_buf said = {0};

	return lb_capture(a, STATUS_MAX, &said, NULL, err);
}

/* `lazypull VERB --store=STORE ...` */
static void ours(const struct economy *e, const char *verb, const char *store,
		 struct lb_args *out)
{
	*out = (struct lb_args){.n = 0};
	lb_args_add(out, "%s", e->lab.programs.lazypull);
	lb_args_add(out, "%s", verb);
	lb_args_add(out, "--store=%s", store);
}

static enum lp_code ask_status(const struct economy *e, const char *store, json_t *out,
			       struct lp_err *err)
{
	LP_AUTO(lp_buf_free) struct lp_buf said = {0};
	LP_AUTO(lp_json_free) json_t *o = NULL;
	struct lb_args a;

	ours(e, "status", store, &a);
	lb_args_add(&a, "--json");
	if (lb_capture(&a, STATUS_MAX, &said, NULL, err) ||
	    lp_json_parse(said.p, said.len, NULL, &o, err))
		return err->code;
	if (!lb_number(o, "keeper"))
		return lp_fail(err, LP_EREMOTE, LP_NO_OFFSET, NULL, "no keeper is there");
	lb_set_number(out, "rss_bytes", lb_number(o, "keeper_rss_anon_bytes") +
					lb_number(o, "worker_rss_anon_bytes"));
	return LP_OK;
}

/* Mount, do the task in there, ask, unmount. */
static enum lp_code memory_ours(struct economy *e, const struct lb_prepared *image,
				const struct lb_task *t, json_t *out, struct lp_err *err)
{
	const struct lb_form *f = lb_prepared_form(image, LB_FORM_ESTARGZ);
	char directory[LB_PATH], store[LB_PATH + 8], at[LB_PATH + 8];
	struct lb_args mount, task = {.n = 0}, umount = {.n = 0};
	struct lb_cost after = {0};
	struct lp_err left;

	if (!f || lb_contest_fresh(&e->lab, directory, err))
		return f ? err->code : lp_fail(err, LP_EMISSING, LP_NO_OFFSET, NULL, "no image");
	snprintf(store, sizeof(store), "%s/store", directory);
	snprintf(at, sizeof(at), "%s/mount", directory);
	if (mkdir(store, 0700) || mkdir(at, 0755))
		return lp_fail_errno(err, "mkdir %s", store);
	ours(e, "mount", store, &mount);
	lb_args_add(&mount, "--mount=fuse");
	lb_args_add(&mount, "--prefetch=none");
	lb_args_add(&mount, "--background=off");
	lb_args_add(&mount, "%s", f->reference);
	lb_args_add(&mount, "%s", at);
	lb_args_add(&task, "chroot");
	lb_args_add(&task, "%s", at);
	for (size_t i = 0; i < json_array_size(t->argv); i++)
		lb_args_add(&task, "%s", json_string_value(json_array_get(t->argv, i)));
	lb_args_add(&umount, "%s", e->lab.programs.lazypull);
	lb_args_add(&umount, "umount");
	lb_args_add(&umount, "%s", at);
	if (run_quietly(&mount, err))
		return err->code;
	if (!run_quietly(&task, err) && !ask_status(e, store, out, err))
		err->code = LP_OK;
	if (run_quietly(&umount, &left) && !err->code)
		*err = left;
	lb_orphans_end(e->lab.registry.pid, PATIENCE_MS, &after);
	return err->code;
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
	if (lb_lab_open(&e.lab, &o->lab, err))
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
