// SPDX-License-Identifier: MIT
#include "experiment/faults.h"

#include "base/log.h"
#include "experiment/contest.h"
#include "experiment/damage.h"
#include "experiment/ruin.h"

#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define PAUSE_MS 40		/* between two strikes, at most; ours */
#define PASSES_MAX 50		/* through the image, to find moments for all strikes; ours */
#define BEGIN_MS 300		/* into reading, at most, when a registry goes; ours */
#define AWAY_MS 5000
#define TIMEOUT_S 10		/* of reads, ours */
#define SHORT_TIMEOUT_S 1
#define REPLACE_S 10		/* to replace a worker, lazypull's */
#define SLACK_S 5		/* of a busy machine, ours */
#define GONE_MS 8000		/* nobody waits so long: limit_s() is 7 */
#define MOUNTS 32
#define PROCESSES 8
#define PROCESSES_MOUNTS 5	/* of them */
#define TURNS 3
#define READERS 2
#define SHARE 2			/* each reads half of the files, the last look all of them */

struct fault;

struct faults {
	struct lb_lab lab;
	struct lb_prepared image;
	struct lb_reference reference;
	uint64_t seed;
	char name[LB_CONTESTS_MAX][32];
};

typedef enum lp_code (*play)(const struct fault *f, struct lb_ruin *s, struct lp_err *err);

struct fault {
	const char *name;
	play run;
	const char *victim;	/* member of lazypull's status, or NULL */
	uint64_t strikes;	/* in one round */
	struct lp_option_list knobs;
	uint64_t timeout_s;
};

static void free_faults(struct faults *f)
{
	lb_reference_free(&f->reference);
	lb_prepared_free(&f->image);
	lb_lab_free(&f->lab);
}

/* Readers are looked after meanwhile. */
static void pass_time(struct lb_ruin *s, uint64_t ms)
{
	const struct timespec step = {.tv_nsec = 1000000};
	uint64_t end_ns = lp_now_ns() + ms * 1000000;

	while (lp_now_ns() < end_ns) {
		lb_readers_step(&s->readers);
		nanosleep(&step, NULL);
	}
}

/* The store from a registry that behaves, then the knobs, then @n mounts. */
static enum lp_code begin(const struct fault *f, struct lb_ruin *s, size_t n,
			  struct lp_err *err)
{
	if (lb_lab_serve(s->lab, NULL, err) || lb_ruin_begin(s, err) ||
	    lb_lab_serve(s->lab, &f->knobs, err))
		return err->code;
	return lb_ruin_mount(s, n, err);
}

/* The fault is over. */
static enum lp_code finish(struct lb_ruin *s, struct lp_err *err)
{
	if (lb_lab_serve(s->lab, NULL, err) || lb_ruin_heal(s, err))
		return err->code;
	return lb_ruin_end(s, err);
}

static enum lp_code read_on(const struct fault *f, struct lb_ruin *s, struct lp_err *err)
{
	if (begin(f, s, 1, err) || lb_ruin_read(s, READERS, SHARE, err) ||
	    lb_ruin_settle(s, true, err))
		return err->code;
	return finish(s, err);
}

/* A mount that died with its keeper: made again, for readers that stopped there. */
static enum lp_code mount_again(struct lb_ruin *s, struct lp_err *err)
{
	char at[LB_PATH];

	lb_readers_wait(&s->readers);
	if (lb_ruin_unmount(s, err) || lb_ruin_mount(s, 1, err))
		return err->code;
	lb_ruin_place(s, 0, at);
	for (size_t i = 0; i < s->readers.n; i++)
		if (lb_readers_start(&s->readers, i, at, err))
			return err->code;
	return LP_OK;
}

/* Kill the victim if it lives at this moment. */
static enum lp_code strike(const struct fault *f, struct lb_ruin *s, struct lp_err *err)
{
	LP_AUTO(lp_json_free) json_t *status = NULL;
	pid_t pid;

	if (lb_ruin_status(s, &status, err))
		return err->code;
	pid = (pid_t)lb_number(status, f->victim);
	if (pid <= 0 || kill(pid, SIGKILL))
		return LP_OK;
	lb_contest_add(s->out, "strikes", 1);
	if (s->kernel || !strcmp(f->victim, "worker"))
		return LP_OK;
	return mount_again(s, err);
}

/* Once through the image, striking while strikes are left. */
static enum lp_code pass(const struct fault *f, struct lb_ruin *s, struct lp_err *err)
{
	if (begin(f, s, 1, err) || lb_ruin_read(s, READERS, SHARE, err))
		return err->code;
	while (lb_readers_step(&s->readers)) {
		pass_time(s, lb_ruin_chance(s, PAUSE_MS));
		if (lb_number(s->out, "strikes") < f->strikes && strike(f, s, err))
			return err->code;
	}
	if (lb_ruin_settle(s, true, err))
		return err->code;
	return finish(s, err);
}

static enum lp_code killed(const struct fault *f, struct lb_ruin *s, struct lp_err *err)
{
	for (size_t i = 0; i < PASSES_MAX && lb_number(s->out, "strikes") < f->strikes; i++)
		if (pass(f, s, err))
			return err->code;
	if (lb_number(s->out, "strikes") < f->strikes)
		return lp_fail(err, LP_EREMOTE, LP_NO_OFFSET, NULL, "no moment to kill the %s",
			       f->victim);
	return LP_OK;
}

/* In odd rounds it takes connections, and says nothing. */
static bool is_silent(const struct lb_ruin *s)
{
	return lb_number(s->out, "round") % 2;
}

static enum lp_code registry_goes(const struct fault *f, struct lb_ruin *s, uint64_t ms,
				  struct lp_err *err)
{
	if (begin(f, s, 1, err) || lb_ruin_read(s, READERS, SHARE, err))
		return err->code;
	pass_time(s, lb_ruin_chance(s, BEGIN_MS));
	if (is_silent(s))
		kill(s->lab->registry.pid, SIGSTOP);
	else
		lb_lab_desert(s->lab);
	pass_time(s, ms);
	return LP_OK;
}

static enum lp_code away(const struct fault *f, struct lb_ruin *s, struct lp_err *err)
{
	if (registry_goes(f, s, AWAY_MS, err))
		return err->code;
	if (is_silent(s))
		kill(s->lab->registry.pid, SIGCONT);
	else if (lb_lab_serve(s->lab, &f->knobs, err))
		return err->code;
	if (lb_ruin_settle(s, true, err))
		return err->code;
	return finish(s, err);
}

static enum lp_code gone(const struct fault *f, struct lb_ruin *s, struct lp_err *err)
{
	if (registry_goes(f, s, GONE_MS, err))
		return err->code;
	lb_readers_stop(&s->readers);
	if (lb_ruin_settle(s, false, err))
		return err->code;
	return finish(s, err);
}

static enum lp_code full(const struct fault *f, struct lb_ruin *s, struct lp_err *err)
{
	if (begin(f, s, 1, err) || lb_disk_fill(&s->disk, s->reference->bytes / 3, err) ||
	    lb_ruin_read(s, READERS, SHARE, err) || lb_ruin_settle(s, true, err) ||
	    lb_disk_relieve(&s->disk, err))
		return err->code;
	return finish(s, err);
}

/* Half of the image is there, and nobody behind it. */
static enum lp_code half(const struct fault *f, struct lb_ruin *s, struct lp_err *err)
{
	if (begin(f, s, 1, err) || lb_ruin_read(s, 1, 2, err) ||
	    lb_ruin_settle(s, true, err) || lb_ruin_unmount(s, err))
		return err->code;
	lb_ruin_wait(s);
	return LP_OK;
}

static enum lp_code record(const struct fault *f, struct lb_ruin *s, struct lp_err *err)
{
	if (half(f, s, err) || lb_damage_records(s->store, err) || lb_ruin_mount(s, 1, err) ||
	    lb_ruin_read(s, READERS, SHARE, err) || lb_ruin_settle(s, true, err))
		return err->code;
	return finish(s, err);
}

/* `lazypull check` without an image: 1 says that there was something to mend. */
static enum lp_code mend(struct lb_ruin *s, struct lp_err *err)
{
	LP_AUTO(lp_buf_free) struct lp_buf said = {0};
	struct lb_args a;
	int status;

	lb_ruin_command(s, "check", &a);
	if (lb_capture(&a, (size_t)1 << 20, &said, &status, err))
		return err->code;
	if (status != 1)
		return lp_fail(err, LP_EUNSUP, LP_NO_OFFSET, NULL,
			       "lazypull check did not mend the store: status %d", status);
	return lb_ruin_run(s, &a, 1, err);
}

static enum lp_code device(const struct fault *f, struct lb_ruin *s, struct lp_err *err)
{
	if (half(f, s, err) || lb_damage_data(s->store, err) || mend(s, err) ||
	    lb_ruin_mount(s, 1, err) || lb_ruin_read(s, READERS, SHARE, err) ||
	    lb_ruin_settle(s, true, err))
		return err->code;
	return finish(s, err);
}

static enum lp_code mounts(const struct fault *f, struct lb_ruin *s, struct lp_err *err)
{
	if (begin(f, s, MOUNTS, err) || lb_ruin_read(s, MOUNTS, 8, err) ||
	    lb_ruin_settle(s, true, err))
		return err->code;
	return finish(s, err);
}

/* Mounts, and others who want the same store at the same time. */
static enum lp_code commands(struct lb_ruin *s, struct lp_err *err)
{
	static const char *const others[] = {"pull", "status", "ls"};
	struct lb_args a[PROCESSES];
	size_t i;

	for (i = 0; i < PROCESSES_MOUNTS; i++)
		if (lb_ruin_mounting(s, i, &a[i], err))
			return err->code;
	for (; i < PROCESSES; i++)
		lb_ruin_command(s, others[i - PROCESSES_MOUNTS], &a[i]);
	lb_args_add(&a[PROCESSES_MOUNTS], "%s", s->form->reference);
	s->nmount = PROCESSES_MOUNTS;
	return lb_ruin_run(s, a, PROCESSES, err);
}

/* The keeper of one turn ends while the next one begins. */
static enum lp_code processes(const struct fault *f, struct lb_ruin *s, struct lp_err *err)
{
	if (begin(f, s, 0, err))
		return err->code;
	for (size_t turn = 0; turn < TURNS; turn++)
		if (lb_ruin_unmount(s, err) || commands(s, err) ||
		    lb_ruin_read(s, PROCESSES_MOUNTS, TURNS, err) ||
		    lb_ruin_settle(s, true, err))
			return err->code;
	return finish(s, err);
}

#define KNOBS(...) \
	{.text = {__VA_ARGS__}, .n = sizeof((const char *[]){__VA_ARGS__}) / sizeof(char *)}
#define SLOW KNOBS("delay=5")

static const struct fault table[] = {
	{"worker", killed, "worker", 20, SLOW, TIMEOUT_S},
	{"keeper", killed, "keeper", 5, SLOW, TIMEOUT_S},
	{"watchdog", killed, "watchdog", 2, SLOW, TIMEOUT_S},
	{"away", away, NULL, 0, KNOBS("delay=20"), TIMEOUT_S},
	{"gone", gone, NULL, 0, KNOBS("delay=20"), SHORT_TIMEOUT_S},
	{"bytes", read_on, NULL, 0, KNOBS("wrong-once"), TIMEOUT_S},
	{"bodies", read_on, NULL, 0, KNOBS("short-body=3", "reset=5", "stall=7:300"), TIMEOUT_S},
	{"token", read_on, NULL, 0, KNOBS("token", "token-uses=3"), TIMEOUT_S},
	{"full", full, NULL, 0, {.n = 0}, TIMEOUT_S},
	{"record", record, NULL, 0, {.n = 0}, TIMEOUT_S},
	{"device", device, NULL, 0, {.n = 0}, TIMEOUT_S},
	{"mounts", mounts, NULL, 0, {.n = 0}, TIMEOUT_S},
	{"processes", processes, NULL, 0, {.n = 0}, TIMEOUT_S},
};

#define FAULTS (sizeof(table) / sizeof(table[0]))

/* EROFS asks once more when a read was denied. */
static uint64_t limit_s(const struct fault *f)
{
	return 2 * f->timeout_s + (f->victim ? REPLACE_S : 0) + SLACK_S;
}

/* Contest 2 i is fault i of a kernel mount, 2 i + 1 of a FUSE mount. */
static enum lp_code job(void *experiment, size_t contest, enum lb_side side, json_t *out,
			struct lp_err *err)
{
	static const char *const forms[] = {LB_FORM_ESTARGZ, LB_FORM_RAFS6};
	struct faults *f = experiment;
	const struct fault *fault = &table[contest / 2];
	uint64_t round = lb_number(out, "round"), begin_ns = lp_now_ns();
	const char *form = forms[round / 2 % 2];
	struct lb_ruin s = {
		.lab = &f->lab, .form = lb_prepared_form(&f->image, form), .out = out,
		.reference = &f->reference, .kernel = contest % 2 == 0,
		.timeout_s = fault->timeout_s, .limit_s = limit_s(fault),
		.random = {(unsigned short)f->seed, (unsigned short)contest, (unsigned short)round},
	};
	enum lp_code code;

	(void)side;
	if (!s.form)
		return lp_fail(err, LP_EMISSING, LP_NO_OFFSET, NULL, "no image %s", form);
	lb_set_word(out, "form", form);
	code = fault->run(fault, &s, err);
	lb_ruin_free(&s);
	lb_set_number(out, "wall_ns", lp_now_ns() - begin_ns);
	return code;
}

enum lp_code lb_faults(struct lb_session *s, struct lb_run_options *o, struct lp_err *err)
{
	LP_AUTO(free_faults) struct faults f = {.lab.registry = {.pidfd = -1}, .seed = o->seed};
	struct lb_contests contests = {.n = 2 * FAULTS, .job = job, .experiment = &f,
				       .count = lb_ruin_count, .zero = lb_ruin_zero};
	const struct lb_form *plain;

	if (o->lab.registry)
		return lp_fail(err, LP_EUSAGE, LP_NO_OFFSET, NULL,
			       "the embedded registry alone can be made to fail");
	for (size_t i = 0; i < contests.n; i++) {
		snprintf(f.name[i], sizeof(f.name[i]), "%s-%s", table[i / 2].name,
			 i % 2 ? "fuse" : "kernel");
		contests.name[i] = f.name[i];
	}
	if (lb_contests_check(&contests, o, err) || lb_lab_open(&f.lab, &o->lab, err) ||
	    lb_prepare(&f.lab, o->images.text[0], &f.image, err))
		return err->code;
	plain = lb_prepared_form(&f.image, LB_FORM_LEGACY);
	if (!plain)
		return lp_fail(err, LP_EMISSING, LP_NO_OFFSET, NULL, "no image");
	if (lb_reference_make(&f.reference, &f.lab, plain->reference, err))
		return err->code;
	return lb_contests_run(&contests, s, &f.lab, o, err);
}
