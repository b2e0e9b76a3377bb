// SPDX-License-Identifier: MIT
#include "experiment/ruin.h"

#include "base/log.h"
#include "experiment/contest.h"
#include "measure/cold.h"

#include <dirent.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>

#define STATUS_MAX ((size_t)16 << 20)
#define PATIENCE_MS 20000	/* with what a keeper leaves behind, ours: 10 s are a worker's */
#define SPARE_BYTES ((uint64_t)64 << 20)	/* of a disk, beside the files, ours */
#define COMMAND_S "120"		/* ours */
#define KILLED 137		/* what timeout(1) says of who did not end */

const char *const lb_ruin_count[] = {"strikes", "files", "errors", NULL};
const char *const lb_ruin_zero[] = {"wrong_bytes", "odd_errors", "hung", "unhealed", "refused",
				     "left", NULL};

uint64_t lb_ruin_chance(struct lb_ruin *s, uint64_t most)
{
	return (uint64_t)nrand48(s->random) % most;
}

void lb_ruin_command(const struct lb_ruin *s, const char *verb, struct lb_args *out)
{
	*out = (struct lb_args){.n = 0};
	lb_args_add(out, "timeout");
	lb_args_add(out, "-sKILL");
	lb_args_add(out, COMMAND_S);
	lb_args_add(out, "%s", s->lab->programs.lazypull);
	lb_args_add(out, "%s", verb);
	lb_args_add(out, "--store=%s", s->store);
}

static void judge(struct lb_ruin *s, const struct lb_args *a, int status)
{
	if (!status)
		return;
	lp_log_say("lazybench", "%s %s: status %d", a->v[3], a->v[4], status);
	lb_contest_add(s->out, status == KILLED ? "hung" : "refused", 1);
}

enum lp_code lb_ruin_run(struct lb_ruin *s, const struct lb_args *a, size_t n,
			  struct lp_err *err)
{
	struct lb_process p[LB_READERS_MAX];
	struct lb_cost cost = {0};
	size_t started = 0;

	err->code = LP_OK;
	while (started < n && !lb_process_start(&p[started], &a[started], NULL, false, err))
		started++;
	for (size_t i = 0; i < started; i++) {
		judge(s, &a[i], lb_process_end(&p[i], &cost));
		lb_process_free(&p[i]);
	}
	return started == n ? LP_OK : err->code;
}

void lb_ruin_place(const struct lb_ruin *s, size_t i, char out[static LB_PATH])
{
	lb_path(out, "%.1000s/at%zu", s->disk.at, i);
}

enum lp_code lb_ruin_mounting(struct lb_ruin *s, size_t i, struct lb_args *out,
			       struct lp_err *err)
{
	char at[LB_PATH];

	lb_ruin_place(s, i, at);
	lb_ruin_command(s, "mount", out);
	lb_args_add(out, "--mount=%s", s->kernel ? "kernel" : "fuse");
	lb_args_add(out, "--pull=never");
	lb_args_add(out, "--prefetch=none");
	lb_args_add(out, "--background=off");
	lb_args_add(out, "--read-timeout=%" PRIu64 "s", s->timeout_s);
	lb_args_add(out, "%s", s->form->reference);
	lb_args_add(out, "%s", at);
	return lb_make_directory(at, err);
}

enum lp_code lb_ruin_mount(struct lb_ruin *s, size_t n, struct lp_err *err)
{
	struct lb_args *a = calloc(n, sizeof(*a));
	enum lp_code code = a ? LP_OK : lp_fail_errno(err, "mount");

	for (size_t i = 0; i < n && !code; i++)
		code = lb_ruin_mounting(s, i, &a[i], err);
	s->nmount = n;
	if (!code)
		code = lb_ruin_run(s, a, n, err);
	free(a);
	return code;
}

enum lp_code lb_ruin_unmount(struct lb_ruin *s, struct lp_err *err)
{
	size_t n = s->nmount;
	struct lb_args *a = calloc(n + 1, sizeof(*a));
	enum lp_code code;

	if (!a)
		return lp_fail_errno(err, "unmount");
	for (size_t i = 0; i < n; i++) {
		char at[LB_PATH];

		lb_ruin_place(s, i, at);
		lb_args_add(&a[i], "timeout");
		lb_args_add(&a[i], "-sKILL");
		lb_args_add(&a[i], COMMAND_S);
		lb_args_add(&a[i], "%s", s->lab->programs.lazypull);
		lb_args_add(&a[i], "umount");
		lb_args_add(&a[i], "%s", at);
	}
	code = lb_ruin_run(s, a, n, err);
	s->nmount = 0;
	free(a);
	return code;
}

enum lp_code lb_ruin_begin(struct lb_ruin *s, struct lp_err *err)
{
	uint64_t bytes = 2 * s->reference->bytes + 8192 * s->reference->n + SPARE_BYTES;
	char directory[LB_PATH];
	struct lb_args a;

	if (lb_contest_fresh(s->lab, directory, err) ||
	    lb_disk_make(&s->disk, directory, bytes, err))
		return err->code;
	lb_path(s->store, "%.1000s/store", s->disk.at);
	lb_ruin_command(s, "pull", &a);
	lb_args_add(&a, "%s", s->form->reference);
	return lb_ruin_run(s, &a, 1, err);
}

enum lp_code lb_ruin_status(const struct lb_ruin *s, json_t **out, struct lp_err *err)
{
	LP_AUTO(lp_buf_free) struct lp_buf said = {0};
	struct lb_args a;

	lb_ruin_command(s, "status", &a);
	lb_args_add(&a, "--json");
	if (lb_capture(&a, STATUS_MAX, &said, NULL, err))
		return err->code;
	return lp_json_parse(said.p, said.len, NULL, out, err);
}

enum lp_code lb_ruin_read(struct lb_ruin *s, size_t n, size_t share, struct lp_err *err)
{
	s->readers = (struct lb_readers){
		.reference = s->reference,
		.share = share,
		.seed = (uint64_t)nrand48(s->random),
		.limit_ns = s->limit_s * 1000000000u,
	};
	if (lb_readers_open(&s->readers, n, err))
		return err->code;
	for (size_t i = 0; i < n; i++) {
		char at[LB_PATH];

		lb_ruin_place(s, i % s->nmount, at);
		if (lb_readers_start(&s->readers, i, at, err))
			return err->code;
	}
	return LP_OK;
}

/* Add what the readers saw; errors as @errors. */
static void tally(struct lb_ruin *s, const char *errors)
{
	for (size_t i = 0; i < s->readers.n; i++) {
		const struct lb_reader *r = &s->readers.reader[i];

		lb_contest_add(s->out, "files", r->files);
		lb_contest_add(s->out, errors, r->errors);
		lb_contest_add(s->out, "odd_errors", r->odd_errors);
		lb_contest_add(s->out, "wrong_bytes", r->wrong_bytes);
		if (r->longest_ns > lb_number(s->out, "longest_read_ns"))
			lb_set_number(s->out, "longest_read_ns", r->longest_ns);
	}
	lb_contest_add(s->out, "hung", s->readers.hung);
}

static enum lp_code settle(struct lb_ruin *s, bool whole, const char *errors,
			   struct lp_err *err)
{
	bool odd;

	lb_readers_wait(&s->readers);
	tally(s, errors);
	odd = whole && !lb_readers_done(&s->readers) && !s->readers.hung;
	lb_readers_free(&s->readers);
	if (odd)
		return lp_fail(err, LP_EREMOTE, LP_NO_OFFSET, NULL, "a reader did not end its work");
	return LP_OK;
}

enum lp_code lb_ruin_settle(struct lb_ruin *s, bool whole, struct lp_err *err)
{
	return settle(s, whole, "errors", err);
}

enum lp_code lb_ruin_heal(struct lb_ruin *s, struct lp_err *err)
{
	if (lb_ruin_read(s, 1, 1, err))
		return err->code;
	return settle(s, true, "unhealed", err);
}

void lb_ruin_wait(struct lb_ruin *s)
{
	struct lb_cost cost = {0};

	lb_contest_add(s->out, "left", lb_orphans_end(s->lab->registry.pid, PATIENCE_MS, &cost));
}

/* What is staged has a directory; locks are files. */
static uint64_t staged(const struct lb_ruin *s)
{
	char path[LB_PATH];
	struct dirent *e;
	uint64_t n = 0;
	DIR *d;

	lb_path(path, "%.1000s/tmp", s->store);
	d = opendir(path);
	while (d && (e = readdir(d)))
		n += e->d_type == DT_DIR && e->d_name[0] != '.';
	if (d)
		closedir(d);
	return n;
}

enum lp_code lb_ruin_end(struct lb_ruin *s, struct lp_err *err)
{
	char disk[LB_PATH];
	uint64_t left;

	if (lb_ruin_unmount(s, err))
		return err->code;
	lb_ruin_wait(s);
	left = staged(s);
	/* One is the disk itself. */
	left += lb_mounts_below(s->disk.at) - 1;
	lb_path(disk, "%s", s->disk.at);
	left += lb_disk_free(&s->disk, PATIENCE_MS);
	left += lb_mounts_below(disk);
	if (left)
		lp_log_say("lazybench", "%" PRIu64 " things are left behind", left);
	lb_contest_add(s->out, "left", left);
	return LP_OK;
}

void lb_ruin_free(struct lb_ruin *s)
{
	struct lb_cost cost = {0};

	lb_readers_free(&s->readers);
	for (size_t i = 0; i < s->nmount; i++) {
		char at[LB_PATH];

		lb_ruin_place(s, i, at);
		umount2(at, MNT_DETACH | UMOUNT_NOFOLLOW);
	}
	if (*s->disk.at)
		lb_orphans_end(s->lab->registry.pid, PATIENCE_MS, &cost);
	lb_disk_free(&s->disk, PATIENCE_MS);
	s->nmount = 0;
}
