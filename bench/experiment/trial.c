// SPDX-License-Identifier: MIT
#include "experiment/trial.h"

#include "measure/environment.h"
#include "workload/probe.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#define WARM_TRIES 3			/* ours */
#define PATIENCE_MS 10000		/* with what a system leaves behind, ours */

__attribute__((format(printf, 2, 3)))
static void invalidate(struct lb_trial *t, const char *fmt, ...)
{
	va_list ap;

	if (!t->valid)
		return;
	t->valid = false;
	va_start(ap, fmt);
	vsnprintf(t->why, sizeof(t->why), fmt, ap);
	va_end(ap);
}

static void store_of(const struct lb_lab *l, const struct lb_cell *c, char out[static LB_PATH])
{
	lb_lab_path(l, c->system->warm ? "stores/warm" : "stores/cold", out);
}

/* The programs that must be in memory: the system's own, and what it starts. */
static enum lp_code for_programs(const struct lb_lab *l, const struct lb_cell *c,
				 struct lb_pages *count, struct lp_err *err)
{
	const char *program[] = {c->system->family->program(&l->programs), "/usr/bin/crun",
				 "/usr/sbin/runc", "/proc/self/exe"};

	for (size_t i = 0; i < sizeof(program) / sizeof(program[0]); i++) {
		struct stat st;

		if (stat(program[i], &st))
			continue;
		if (count ? lb_count_pages(program[i], count, err) : lb_warm_file(program[i], err))
			return err->code;
	}
	return LP_OK;
}

static enum lp_code for_blobs(const struct lb_form *f, struct lb_pages *count,
			      struct lp_err *err)
{
	for (size_t i = 0; i < f->nblob; i++)
		if (count ? lb_count_pages(f->blob[i], count, err) :
		    lb_warm_file(f->blob[i], err))
			return err->code;
	return LP_OK;
}

/* Run the program once for its help, so that its libraries are in memory too. */
static enum lp_code touch_program(const struct lb_lab *l, const struct lb_cell *c,
				  struct lp_err *err)
{
	LP_AUTO(lp_buf_free) struct lp_buf out = {0};
	struct lb_args a = {.n = 0};
	int status;

	lb_args_add(&a, "%s", c->system->family->program(&l->programs));
	lb_args_add(&a, "--help");
	return lb_capture(&a, (size_t)1 << 20, &out, &status, err);
}

static enum lp_code make_store(const char *store, bool keep, struct lp_err *err)
{
	if (!keep && lb_remove_tree(store, err))
		return err->code;
	if (lb_make_directory(store, err))
		return err->code;
	if (chmod(store, 0700))
		return lp_fail_errno(err, "chmod %s", store);
	return LP_OK;
}

/*
 * Read what must be in memory, and count; once more if somebody else on this machine dropped
 * caches in between.
 */
static enum lp_code make_equal(const struct lb_lab *l, const struct lb_cell *c,
			       struct lb_cold *cold, struct lp_err *err)
{
	for (int i = 0; i < WARM_TRIES; i++) {
		cold->program = cold->blob = (struct lb_pages){0};
		if (for_programs(l, c, NULL, err) || touch_program(l, c, err) ||
		    for_blobs(c->form, NULL, err) ||
		    for_programs(l, c, &cold->program, err) ||
		    for_blobs(c->form, &cold->blob, err))
			return err->code;
		if (cold->program.resident == cold->program.all &&
		    cold->blob.resident == cold->blob.all)
			break;
	}
	return LP_OK;
}

/* benchmark.md 7.3: remove, sync, drop, warm what must be equal, and count. */
static enum lp_code make_cold(struct lb_lab *l, const struct lb_cell *c, struct lb_trial *t,
			      struct lp_err *err)
{
	char store[LB_PATH], witness[LB_PATH];
	bool warm = c->system->warm;

	store_of(l, c, store);
	lb_lab_path(l, "stores/witness", witness);
	if (make_store(store, warm, err))
		return err->code;
	if (!warm && (lb_make_witness(witness, err) || lb_drop_caches(err) ||
		      lb_count_pages(witness, &t->cold.witness, err) ||
		      lb_count_entries(store, &t->cold.store_entries, err)))
		return err->code;
	t->cold.mounts = warm ? 0 : lb_mounts_below(store);
	if (make_equal(l, c, &t->cold, err))
		return err->code;
	if (lb_cold_violation(&t->cold))
		invalidate(t, "%s", lb_cold_violation(&t->cold));
	if (c->task->ready == LB_READY_HTTP && lb_port_open(c->task->port))
		invalidate(t, "somebody else listens on port %u", c->task->port);
	return LP_OK;
}

/* The last line that the program said, for the reader of an invalid run. */
static void last_words(const char *path, char *out, size_t n)
{
	FILE *f = fopen(path, "re");
	char line[1024];

	*out = '\0';
	while (f && fgets(line, sizeof(line), f))
		snprintf(out, n, "%.*s", (int)strcspn(line, "\n"), line);
	if (f)
		fclose(f);
}

static void judge_end(const struct lb_cell *c, const char *stderr_path, struct lb_trial *t)
{
	const struct lb_watch *w = &t->watch;
	char words[200];

	last_words(stderr_path, words, sizeof(words));
	if (w->timed_out)
		invalidate(t, "timeout; last words: %s", words);
	if (!w->ready_ns)
		invalidate(t, "ended with status %d before it was ready; last words: %s",
			   w->status, words);
	if (c->task->ready != LB_READY_HTTP && w->status)
		invalidate(t, "exit status %d; last words: %s", w->status, words);
}

static void judge_events(struct lb_trial *t)
{
	static const enum lb_event needed[] = {LB_EV_ROOTFS, LB_EV_CREATED, LB_EV_STARTED};
	const struct lb_watch *w = &t->watch;
	uint64_t before_ns = w->begin_ns;

	for (size_t i = 0; i < sizeof(needed) / sizeof(needed[0]); i++) {
		uint64_t ns = w->event_ns[needed[i]];

		if (!ns)
			invalidate(t, "it did not say when it was at \"%s\"",
				   lb_event_word(needed[i]));
		else if (ns < before_ns)
			invalidate(t, "\"%s\" came too early", lb_event_word(needed[i]));
		before_ns = ns;
	}
	if (w->ready_ns < before_ns)
		invalidate(t, "ready before \"started\"");
}

static void judge_network(const struct lb_cell *c, struct lb_trial *t)
{
	uint64_t all = c->form->layer_bytes;

	if (c->system->lazy && all > LB_SMALL_BYTES && t->ledger.blob_bytes >= all)
		invalidate(t, "fallback: it fetched %llu of %llu bytes",
			   (unsigned long long)t->ledger.blob_bytes, (unsigned long long)all);
	/* A warm run may ask for the configuration again, never for a layer. */
	if (c->system->warm && all && t->ledger.blob_bytes >= all)
		invalidate(t, "the warm store was not: it fetched the layers");
}

static enum lp_code account(struct lb_lab *l, const struct lb_cell *c, struct lb_trial *t,
			    struct lp_err *err)
{
	const struct lb_watch *w = &t->watch;
	const uint64_t ends[] = {w->event_ns[LB_EV_ROOTFS], w->event_ns[LB_EV_CREATED],
				 w->ready_ns};
	char log[LB_PATH];

	lb_lab_path(l, "requests.jsonl", log);
	if (l->remote)
		return LP_OK;
	if (lb_ledger_read(log, &l->log_off, ends, &t->ledger, err))
		return err->code;
	judge_network(c, t);
	return LP_OK;
}

static enum lp_code run(struct lb_lab *l, const struct lb_cell *c, struct lb_trial *t,
			struct lp_err *err)
{
	char store[LB_PATH], words[LB_PATH];
	struct lb_start start = {.programs = &l->programs, .reference = c->form->reference,
				 .task = c->task, .store = store};
	struct lb_args a = {.n = 0};
	uint64_t before_us = lb_pressure_us();

	store_of(l, c, store);
	lb_lab_path(l, "stderr", words);
	c->system->family->command(c->system, &start, &a);
	if (lb_watch_task(&t->watch, c->task, &a, words, l->timeout_ns, err))
		return err->code;
	t->pressure_us = lb_pressure_us() - before_us;
	t->told = lb_orphans_end(l->registry.pid, PATIENCE_MS, &t->background);
	judge_end(c, words, t);
	judge_events(t);
	lp_digest_of(LP_SHA256, t->watch.output.p, t->watch.output.len, &t->output);
	if (c->output && !lp_digest_equal(&t->output, c->output))
		invalidate(t, "its output is not what the reference run wrote");
	return LP_OK;
}

enum lp_code lb_trial_run(struct lb_lab *l, const struct lb_cell *c, struct lb_trial *out,
			  struct lp_err *err)
{
	*out = (struct lb_trial){.valid = true};
	if (make_cold(l, c, out, err))
		return lp_within(err, "%s", c->name);
	if (run(l, c, out, err) || account(l, c, out, err))
		return lp_within(err, "%s", c->name);
	return LP_OK;
}

void lb_trial_free(struct lb_trial *t)
{
	lb_watch_free(&t->watch);
}
