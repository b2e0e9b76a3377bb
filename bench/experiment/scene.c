// SPDX-License-Identifier: MIT
#include "experiment/scene.h"

#include "base/file.h"
#include "base/log.h"
#include "experiment/contest.h"

#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#define SAID_MAX ((size_t)64 << 20)	/* a list of a million files, ours */
#define PATIENCE_MS 10000		/* with what a mount leaves behind, ours */
#define FIRST_LAYER 2			/* of a form's blobs: behind manifest and config */

/* Run to the end; what it said is kept in @said, or nowhere. */
static enum lp_code run(const struct lb_args *a, struct lp_buf *said, int *status,
			struct lp_err *err)
{
	LP_AUTO(lp_buf_free) struct lp_buf nowhere = {0};

	return lb_capture(a, SAID_MAX, said ? said : &nowhere, status, err);
}

/* `lazypull VERB --store=STORE ...` */
static void ours(const struct lb_scene *s, const char *verb, const char *store,
		 struct lb_args *out)
{
	*out = (struct lb_args){.n = 0};
	lb_args_add(out, "%s", s->lab->programs.lazypull);
	lb_args_add(out, "%s", verb);
	lb_args_add(out, "--store=%s", store);
}

/* @how  "--complete", "--mount=extract" */
static enum lp_code pull(const struct lb_scene *s, const char *store, const char *tag,
			 const char *how, struct lp_err *err)
{
	LP_AUTO(lp_json_free) json_t *cost = json_object();
	const struct lb_form *f = lb_prepared_form(s->image, tag);
	struct lb_args a;

	if (!f)
		return lp_fail(err, LP_EMISSING, LP_NO_OFFSET, NULL, "no image %s", tag);
	ours(s, "pull", store, &a);
	lb_args_add(&a, "%s", how);
	lb_args_add(&a, "%s", f->reference);
	return lb_contest_time(s->lab, &a, cost, err);
}

enum lp_code lb_scene_mount(const struct lb_scene *s, struct lb_view *v, struct lp_err *err)
{
	struct lb_args a;

	if (lb_contest_fresh(s->lab, v->at, err))
		return err->code;
	ours(s, "mount", v->store, &a);
	lb_args_add(&a, "--mount=%s", v->mode);
	lb_args_add(&a, "--pull=never");
	lb_args_add(&a, "--prefetch=none");
	lb_args_add(&a, "--background=off");
	lb_args_add(&a, "%s", v->reference);
	lb_args_add(&a, "%s", v->at);
	return run(&a, NULL, NULL, err);
}

enum lp_code lb_scene_umount(const struct lb_scene *s, const struct lb_view *v,
			     struct lp_err *err)
{
	struct lb_args a = {.n = 0};
	struct lb_cost after = {0};
	enum lp_code code;

	lb_args_add(&a, "%s", s->lab->programs.lazypull);
	lb_args_add(&a, "umount");
	lb_args_add(&a, "%s", v->at);
	code = run(&a, NULL, NULL, err);
	lb_orphans_end(s->lab->registry.pid, PATIENCE_MS, &after);
	return code;
}

enum lp_code lb_scene_incomplete(const struct lb_scene *s, const struct lb_view *v,
				 struct lp_err *err)
{
	LP_AUTO(lp_buf_free) struct lp_buf said = {0};
	LP_AUTO(lp_json_free) json_t *o = NULL;
	const json_t *device, *mount;
	struct lb_args a;
	size_t i;

	ours(s, "status", v->store, &a);
	lb_args_add(&a, "--json");
	if (run(&a, &said, NULL, err) || lp_json_parse(said.p, said.len, NULL, &o, err))
		return err->code;
	mount = json_array_get(json_object_get(o, "mounts"), 0);
	json_array_foreach(json_object_get(mount, "devices"), i, device)
		if (lb_number(device, "ready_chunks") < lb_number(device, "chunks"))
			return LP_OK;
	return lp_fail(err, LP_EREMOTE, LP_NO_OFFSET, NULL, "no chunk is absent any more");
}

/* A pass of lazybench's own. */
static enum lp_code walk(const struct lb_scene *s, const char *mode, const char *except,
			 const char *at, struct lp_buf *said, struct lp_err *err)
{
	struct lb_args a = {.n = 0};

	lb_args_add(&a, "/proc/self/exe");
	lb_args_add(&a, "walk");
	lb_args_add(&a, "--mode=%s", mode);
	lb_args_add(&a, "--list=%s", s->list);
	if (except)
		lb_args_add(&a, "--except=%s", except);
	lb_args_add(&a, "%s", at);
	return run(&a, said, NULL, err);
}

static enum lp_code measure(const struct lb_scene *s, const char *mode, const char *except,
			    const char *at, json_t **out, struct lp_err *err)
{
	LP_AUTO(lp_buf_free) struct lp_buf said = {0};

	*out = NULL;
	if (walk(s, mode, except, at, &said, err) ||
	    lp_json_parse(said.p, said.len, NULL, out, err))
		return err->code;
	return LP_OK;
}

static enum lp_code find(const struct lb_scene *s, const char *at, json_t *out,
			 struct lp_err *err)
{
	LP_AUTO(lp_json_free) json_t *got = NULL;

	if (measure(s, "find", NULL, at, &got, err))
		return err->code;
	if (lb_number(got, "entries") != s->entries || lb_number(got, "failed"))
		return lp_fail(err, LP_EREMOTE, LP_NO_OFFSET, NULL,
			       "%" PRIu64 " names of %" PRIu64 ", and %" PRIu64 " failed",
			       lb_number(got, "entries"), s->entries, lb_number(got, "failed"));
	lb_contest_add(out, "wall_ns", lb_number(got, "wall_ns"));
	return LP_OK;
}

static enum lp_code cat(const struct lb_scene *s, const char *at, bool all, json_t *out,
			struct lp_err *err)
{
	LP_AUTO(lp_json_free) json_t *got = NULL;
	uint64_t want = all ? s->bytes : s->bytes - s->hole_bytes;

	if (measure(s, "cat", all ? NULL : s->hole, at, &got, err))
		return err->code;
	if (lb_number(got, "bytes") != want || lb_number(got, "failed"))
		return lp_fail(err, LP_EREMOTE, LP_NO_OFFSET, NULL,
			       "%" PRIu64 " bytes of %" PRIu64 "; %" PRIu64 " failed, first %s",
			       lb_number(got, "bytes"), want, lb_number(got, "failed"),
			       lb_word(got, "first_failed"));
	lb_contest_add(out, "wall_ns", lb_number(got, "wall_ns"));
	return LP_OK;
}

static enum lp_code random_reads(const struct lb_scene *s, const char *at, json_t *out,
				 struct lp_err *err)
{
	LP_AUTO(lp_json_free) json_t *got = NULL;

	if (measure(s, "random", NULL, at, &got, err))
		return err->code;
	lb_contest_add(out, "wall_ns", lb_number(got, "wall_ns"));
	lb_contest_add(out, "open_ns", lb_number(got, "open_ns"));
	return LP_OK;
}

static enum lp_code import(const struct lb_scene *s, const char *at, json_t *out,
			   struct lp_err *err)
{
	struct lb_args a = {.n = 0};

	lb_args_add(&a, "env");
	lb_args_add(&a, "-i");
	lb_args_add(&a, "PATH=/usr/bin:/bin");
	lb_args_add(&a, "/usr/sbin/chroot");
	lb_args_add(&a, "%s", at);
	lb_args_add(&a, "python3");
	lb_args_add(&a, "-c");
	lb_args_add(&a, "import ssl, json, sqlite3");
	return lb_contest_time(s->lab, &a, out, err);
}

enum lp_code lb_scene_pass(const struct lb_scene *s, enum lb_pass pass, const char *at,
			   json_t *out, struct lp_err *err)
{
	switch (pass) {
	case LB_PASS_FIND:
		return find(s, at, out, err);
	case LB_PASS_CAT:
	case LB_PASS_BUT:
		return cat(s, at, pass == LB_PASS_CAT, out, err);
	case LB_PASS_SCAN:
		return find(s, at, out, err) ? err->code : cat(s, at, true, out, err);
	case LB_PASS_RANDOM:
		return random_reads(s, at, out, err);
	default:
		return import(s, at, out, err);
	}
}

/* Programs that both sides start, with their libraries. */
static enum lp_code touch_programs(const struct lb_scene *s, struct lp_err *err)
{
	const char *program[] = {s->lab->programs.lazypull, "/proc/self/exe", "/usr/sbin/chroot"};

	for (size_t i = 0; i < sizeof(program) / sizeof(program[0]); i++) {
		struct lb_args a = {.n = 0};
		int status;

		lb_args_add(&a, "%s", program[i]);
		lb_args_add(&a, "--help");
		if (lb_warm_file(program[i], err) || run(&a, NULL, &status, err))
			return err->code;
	}
	return LP_OK;
}

enum lp_code lb_scene_cold(const struct lb_scene *s, const struct lb_form *form,
			   struct lp_err *err)
{
	struct lb_cold cold = {0};
	char witness[LB_PATH];
	const char *why;

	lb_lab_path(s->lab, "stores/witness", witness);
	if (lb_make_witness(witness, err) || lb_drop_caches(err) ||
	    lb_count_pages(witness, &cold.witness, err) || touch_programs(s, err))
		return err->code;
	for (size_t i = 0; form && i < form->nblob; i++)
		if (lb_warm_file(form->blob[i], err) ||
		    lb_count_pages(form->blob[i], &cold.blob, err))
			return err->code;
	why = lb_cold_violation(&cold);
	return why ? lp_fail(err, LP_EREMOTE, LP_NO_OFFSET, NULL, "%s", why) : LP_OK;
}

/* What the tree holds, from the unpacked layers. */
static enum lp_code survey(struct lb_scene *s, struct lp_err *err)
{
	LP_AUTO(lp_buf_free) struct lp_buf list = {0};
	LP_AUTO(lp_json_free) json_t *all = NULL;
	const struct lb_form *f = lb_prepared_form(s->image, LB_FORM_LEGACY);
	struct lb_view v = {.store = s->complete, .reference = f ? f->reference : "",
			    .mode = "extract"};
	struct lp_err left = {.code = LP_OK};
	enum lp_code code;

	if (lb_scene_mount(s, &v, err))
		return err->code;
	code = walk(s, "list", NULL, v.at, &list, err);
	if (!code)
		code = lp_file_save(AT_FDCWD, s->list, list.p, list.len, err);
	if (!code)
		code = measure(s, "cat", NULL, v.at, &all, err);
	s->entries = lb_number(all, "entries");
	s->bytes = lb_number(all, "bytes");
	if (lb_scene_umount(s, &v, &left) && !code)
		*err = left;
	return code ? code : left.code;
}

/* Read all that can be read; what cannot is the hole. */
static enum lp_code fill(struct lb_scene *s, struct lp_err *err)
{
	const struct lb_form *f = lb_prepared_form(s->image, LB_FORM_ESTARGZ);
	struct lb_view v = {.store = s->marked, .reference = f ? f->reference : "",
			    .mode = "kernel"};
	LP_AUTO(lp_json_free) json_t *got = NULL;
	struct lp_err left = {.code = LP_OK};
	enum lp_code code;

	if (lb_scene_mount(s, &v, err))
		return err->code;
	code = measure(s, "cat", NULL, v.at, &got, err);
	if (!code && lb_number(got, "failed") != 1)
		code = lp_fail(err, LP_EREMOTE, LP_NO_OFFSET, NULL,
			       "not one file has an absent chunk, but %" PRIu64,
			       lb_number(got, "failed"));
	if (!code)
		code = lb_scene_incomplete(s, &v, err);
	snprintf(s->hole, sizeof(s->hole), "%.1000s", lb_word(got, "first_failed"));
	if (lb_scene_umount(s, &v, &left) && !code)
		*err = left;
	return code ? code : left.code;
}

/* The bytes of the file that is the hole, from the list. */
static enum lp_code size_hole(struct lb_scene *s, struct lp_err *err)
{
	FILE *f = fopen(s->list, "re");
	char line[LB_PATH + 32];
	int at;

	if (!f)
		return lp_fail_errno(err, "open %s", s->list);
	while (fgets(line, sizeof(line), f)) {
		line[strcspn(line, "\n")] = '\0';
		if (sscanf(line, "%" SCNu64 " %n", &s->hole_bytes, &at) == 1 &&
		    !strcmp(line + at, s->hole))
			break;
		s->hole_bytes = 0;
	}
	fclose(f);
	return s->hole_bytes ? LP_OK : lp_fail(err, LP_EMISSING, LP_NO_OFFSET, NULL,
					       "%s is in no list", s->hole);
}

/* "corrupt=DIGEST:OFFSET": a byte in the middle of the largest layer of @f. */
static enum lp_code corrupt_knob(const struct lb_form *f, char *out, size_t n,
				 struct lp_err *err)
{
	uint64_t most = 0;

	for (size_t i = FIRST_LAYER; i < f->nblob; i++) {
		struct stat st;

		if (stat(f->blob[i], &st))
			return lp_fail_errno(err, "stat %s", f->blob[i]);
		if ((uint64_t)st.st_size <= most)
			continue;
		most = (uint64_t)st.st_size;
		snprintf(out, n, "corrupt=sha256:%s:%" PRIu64, strrchr(f->blob[i], '/') + 1,
			 most / 2);
	}
	return LP_OK;
}

/* A chunk that never has its digest is never there: everything else comes from a bad registry. */
static enum lp_code make_marked(struct lb_scene *s, struct lp_err *err)
{
	const struct lb_form *f = lb_prepared_form(s->image, LB_FORM_ESTARGZ);
	char knob[LB_PATH];

	if (!f)
		return lp_fail(err, LP_EMISSING, LP_NO_OFFSET, NULL, "no eStargz image");
	if (corrupt_knob(f, knob, sizeof(knob), err) || lb_lab_behave(s->lab, knob, err))
		return err->code;
	if (!pull(s, s->marked, LB_FORM_ESTARGZ, "--complete", err))
		return lp_fail(err, LP_EREMOTE, LP_NO_OFFSET, NULL,
			       "a damaged layer was taken for whole");
	if (fill(s, err))
		return err->code;
	return size_hole(s, err) ? err->code : lb_lab_behave(s->lab, NULL, err);
}

enum lp_code lb_scene_prepare(struct lb_scene *s, struct lb_lab *l,
			      const struct lb_prepared *image, struct lp_err *err)
{
	char name[100], top[LB_PATH];

	*s = (struct lb_scene){.lab = l, .image = image};
	snprintf(name, sizeof(name), "stores/scan/%.60s", image->workload.name);
	lb_lab_path(l, name, top);
	lb_path(s->complete, "%.900s/complete", top);
	lb_path(s->marked, "%.900s/marked", top);
	lb_path(s->list, "%.900s/list", top);
	lp_log_say("lazybench", "%s: making it local", image->workload.name);
	if (lb_remove_tree(top, err) || lb_make_directory(top, err) ||
	    pull(s, s->complete, LB_FORM_ESTARGZ, "--complete", err) ||
	    pull(s, s->complete, LB_FORM_LEGACY, "--mount=extract", err) ||
	    survey(s, err) || make_marked(s, err))
		return lp_within(err, "%s", image->workload.name);
	return LP_OK;
}
