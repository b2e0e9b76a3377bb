// SPDX-License-Identifier: MIT
#include "experiment/serve.h"

#include "base/file.h"
#include "base/log.h"
#include "experiment/contest.h"
#include "experiment/watch.h"
#include "system/nydus.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#define PATIENCE_MS 10000 /* with what a job leaves behind, ours */
#define CONFIG 1	  /* of a form's blobs */
#define CONFIG_MAX ((size_t)4 << 20)
#define STATUS_MAX ((size_t)16 << 20)

enum lp_code lb_serve_forget(struct lb_lab *l, struct lp_err *err)
{
	const uint64_t ends[LB_PHASES - 1] = {0};
	struct lb_ledger ignored;
	char log[LB_PATH];

	lb_lab_path(l, "requests.jsonl", log);
	return lb_ledger_read(log, &l->log_off, ends, &ignored, err);
}

enum lp_code lb_serve_count(struct lb_lab *l, uint64_t begin_ns, uint64_t output_ns, json_t *out,
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

enum lp_code lb_serve_memory(pid_t pid, json_t *out, struct lp_err *err)
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
	lb_set_number(out, "rss_bytes", (uint64_t)kib << 10);
	return LP_OK;
}

static enum lp_code run_quietly(const struct lb_args *a, struct lp_err *err)
{
	LP_AUTO(lp_buf_free) struct lp_buf said = {0};

	return lb_capture(a, STATUS_MAX, &said, NULL, err);
}

/* env -i: what the image's configuration says, as in the container of which the list is. */
static enum lp_code add_environment(const struct lb_form *f, struct lb_args *a, struct lp_err *err)
{
	LP_AUTO(lp_buf_free) struct lp_buf text = {0};
	LP_AUTO(lp_json_free) json_t *o = NULL;
	json_t *config, *env;

	if (lp_file_load(AT_FDCWD, f->blob[CONFIG], CONFIG_MAX, &text, err) ||
	    lp_json_parse(text.p, text.len, NULL, &o, err))
		return err->code;
	config = json_object_get(o, "config");
	env = json_object_get(config, "Env");
	lb_args_add(a, "env");
	lb_args_add(a, "-i");
	lb_args_add(a, "HOME=/root");
	for (size_t i = 0; i < json_array_size(env); i++)
		lb_args_add(a, "%s", json_string_value(json_array_get(env, i)));
	return LP_OK;
}

/* The task in the tree at @at, to its end; when its first line came. */
static enum lp_code do_task(struct lb_lab *l, const struct lb_serving *s, const char *at,
			    uint64_t *output_ns, struct lp_err *err)
{
	LP_AUTO(lb_watch_free) struct lb_watch w = {0};
	struct lb_args a = {.n = 0};
	char words[LB_PATH];

	lb_lab_path(l, "stderr", words);
	if (add_environment(s->form, &a, err))
		return err->code;
	lb_args_add(&a, "/usr/sbin/chroot");	/* PATH is the image's */
	lb_args_add(&a, "%s", at);
	for (size_t i = 0; i < json_array_size(s->task->argv); i++)
		lb_args_add(&a, "%s", json_string_value(json_array_get(s->task->argv, i)));
	if (lb_watch_task(&w, s->task, &a, words, l->timeout_ns, err))
		return err->code;
	if (w.status)
		return lp_fail(err, LP_EREMOTE, LP_NO_OFFSET, NULL, "status %d; see %s", w.status,
			       words);
	*output_ns = w.first_output_ns;
	return LP_OK;
}

/* `lazypull VERB --store=STORE ...` */
static void ours(const struct lb_lab *l, const char *verb, const char *store, struct lb_args *out)
{
	*out = (struct lb_args){.n = 0};
	lb_args_add(out, "%s", l->programs.lazypull);
	lb_args_add(out, "%s", verb);
	lb_args_add(out, "--store=%s", store);
}

static enum lp_code ask_status(const struct lb_lab *l, const char *store, json_t *out,
			       struct lp_err *err)
{
	LP_AUTO(lp_buf_free) struct lp_buf said = {0};
	LP_AUTO(lp_json_free) json_t *o = NULL;
	struct lb_args a;

	ours(l, "status", store, &a);
	lb_args_add(&a, "--json");
	if (lb_capture(&a, STATUS_MAX, &said, NULL, err) ||
	    lp_json_parse(said.p, said.len, NULL, &o, err))
		return err->code;
	if (!lb_number(o, "keeper"))
		return lp_fail(err, LP_EREMOTE, LP_NO_OFFSET, NULL, "no keeper is there");
	lb_set_number(out, "rss_bytes",
		      lb_number(o, "keeper_rss_anon_bytes") +
			      lb_number(o, "worker_rss_anon_bytes"));
	return LP_OK;
}

static enum lp_code pull(const struct lb_lab *l, const char *store, const char *reference,
			 struct lp_err *err)
{
	struct lb_args a;

	ours(l, "pull", store, &a);
	lb_args_add(&a, "%s", reference);
	return run_quietly(&a, err);
}

static enum lp_code mount_ours(const struct lb_lab *l, const struct lb_serving *s,
			       const char *store, const char *at, struct lp_err *err)
{
	struct lb_args a;

	ours(l, "mount", store, &a);
	lb_args_add(&a, "--mount=%s", s->mode);
	lb_args_add(&a, "--pull=%s", s->nothing ? "missing" : "never");
	lb_args_add(&a, "--prefetch=%s", s->prefetch ? "async" : "none");
	lb_args_add(&a, "--background=off");
	lb_args_add(&a, "%s", s->form->reference);
	lb_args_add(&a, "%s", at);
	return run_quietly(&a, err);
}

static enum lp_code umount_ours(const struct lb_lab *l, const char *at, struct lp_err *err)
{
	struct lb_args a = {.n = 0};

	lb_args_add(&a, "%s", l->programs.lazypull);
	lb_args_add(&a, "umount");
	lb_args_add(&a, "%s", at);
	return run_quietly(&a, err);
}

enum lp_code lb_serve_ours(struct lb_lab *l, const struct lb_serving *s, json_t *out,
			   struct lp_err *err)
{
	char directory[LB_PATH], store[LB_PATH + 8], at[LB_PATH + 8];
	uint64_t begin_ns, output_ns = 0;
	struct lb_cost after = {0};
	struct lp_err left;

	*err = (struct lp_err){0};
	if (lb_contest_fresh(l, directory, err))
		return err->code;
	snprintf(store, sizeof(store), "%s/store", directory);
	snprintf(at, sizeof(at), "%s/mount", directory);
	if (mkdir(store, 0700) || mkdir(at, 0755))
		return lp_fail_errno(err, "mkdir %s", store);
	if ((!s->nothing && pull(l, store, s->form->reference, err)) || lb_serve_forget(l, err))
		return err->code;
	begin_ns = lp_now_ns();
	if (mount_ours(l, s, store, at, err))
		return err->code;
	if (!do_task(l, s, at, &output_ns, err) && !ask_status(l, store, out, err))
		err->code = LP_OK;
	if (umount_ours(l, at, &left) && !err->code)
		*err = left;
	lb_orphans_end(l->registry.pid, PATIENCE_MS, &after);
	/* Requests are logged when they end. */
	return err->code ? err->code : lb_serve_count(l, begin_ns, output_ns, out, err);
}

enum lp_code lb_serve_nydusd(struct lb_lab *l, const struct lb_serving *s, json_t *out,
			     struct lp_err *err)
{
	LP_AUTO(lb_nydusd_free) struct lb_nydusd d = {.mount = ""};
	char directory[LB_PATH], boot[1100], repository[100];
	const char *name = strchr(s->form->reference, '/');
	uint64_t begin_ns, output_ns = 0;
	struct lb_nydusd_options o = {
		.boot = boot, .host = l->host, .repository = repository, .prefetch = s->prefetch};

	if (!name)
		return lp_fail(err, LP_EUSAGE, LP_NO_OFFSET, NULL, "%s: no repository",
			       s->form->reference);
	snprintf(repository, sizeof(repository), "%.*s", (int)strcspn(name + 1, ":"), name + 1);
	if (lb_contest_fresh(l, directory, err) ||
	    lb_nydus_boot(s->form->blob[s->form->nblob - 1], directory, boot, err) ||
	    lb_serve_forget(l, err))
		return err->code;
	begin_ns = lp_now_ns();
	if (lb_nydusd_start(&d, &l->programs, &o, directory, err) ||
	    do_task(l, s, d.mount, &output_ns, err) || lb_serve_memory(d.process.pid, out, err))
		return err->code;
	lb_nydusd_free(&d);
	return lb_serve_count(l, begin_ns, output_ns, out, err);
}
