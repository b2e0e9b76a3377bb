// SPDX-License-Identifier: MIT
#include "experiment/scan.h"

#include "base/log.h"
#include "experiment/contest.h"
#include "experiment/scene.h"
#include "experiment/serve.h"
#include "system/containerd.h"
#include "system/nydus.h"

#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>

#define FILES_IMAGE "small-files"
#define FIRST_LAYER 2		/* of a form's blobs: behind manifest and config */
#define SLOW "delay=10"		/* ms, the knob of the embedded registry */
#define PPM 1000000
#define MS ((uint64_t)1000000)

static const struct lb_bar bars[] = {
	{"find", "wall_ns", 600000, 0, "cold", 0},
	{"cat", "wall_ns", 500000, 0, "cold", 0},
	{"import", "wall_ns", 1050000, 0, "cold", 0},
	{"random", "wall_ns", 1300000, 0, "cold, the reads", 0},
	{"files-find", "wall_ns", 600000, 0, "cold", 0},
	{"files-cat", "wall_ns", 500000, 0, "cold", 0},
	{"files-random", "wall_ns", 1300000, 0, "cold, the reads", 0},
	{"random", "open_ns", 0, 0, "cold, opening the files", 0},
	{"files-random", "open_ns", 0, 0, "cold, opening the files", 0},
	{"find", "warm_ns", 0, 0, "warm", 1050000},
	{"cat", "warm_ns", 0, 0, "warm", 1050000},
	{"import", "warm_ns", 0, 0, "warm", 1050000},
	{"random", "warm_ns", 0, 0, "warm", 1050000},
	{"files-find", "warm_ns", 0, 0, "warm", 1050000},
	{"files-cat", "warm_ns", 0, 0, "warm", 1050000},
	{"files-random", "warm_ns", 0, 0, "warm", 1050000},
	{"marked", "wall_ns", 1100000, 0, "cold", 0},
	{"files-marked", "wall_ns", 1100000, 0, "cold", 0},
	{"fuse", "wall_ns", 800000, 0, "cold find and cat", 0},
	{"fuse-random", "wall_ns", 1500000, 0, "cold, the reads", 0},
	{"fuse-stargz", "wall_ns", 166667, 0, "cold find and cat", 0},
	{"missing-nydusd", "wall_ns", 800000, 0, "find and cat", 0},
	{"missing-nydusd", "requests", 0, 80, NULL, 0},
	{"missing-nydusd", "body_ppm", 0, 1020000, "of the blobs' bytes", 0},
	{"missing-stargz", "wall_ns", 333333, 0, "find and cat", 0},
	{"missing-stargz", "requests", 0, 80, NULL, 0},
	{"missing-stargz", "body_ppm", 0, 1020000, "of the blobs' bytes", 0},
	{"start", "first_output_ns", 0, 850 * MS, "ours: from nothing", 0},
	{"start-list", "first_output_ns", 0, 300 * MS, "ours: from nothing", 0},
	{"start", "requests", 0, 0, "ours: from nothing", 0},
	{"start-list", "requests", 0, 0, "ours: from nothing", 0},
	{0},
};

enum state { COMPLETE, MARKED, FUSE, FUSE_STARGZ, MISSING_NYDUSD, MISSING_STARGZ, START };

static const struct row {
	const char *name;
	enum state state;
	enum lb_pass pass;
	const char *form;
	bool files;		/* of the small files */
} rows[] = {
	{"find", COMPLETE, LB_PASS_FIND, LB_FORM_ESTARGZ, false},
	{"cat", COMPLETE, LB_PASS_CAT, LB_FORM_ESTARGZ, false},
	{"random", COMPLETE, LB_PASS_RANDOM, LB_FORM_ESTARGZ, false},
	{"import", COMPLETE, LB_PASS_IMPORT, LB_FORM_ESTARGZ, false},
	{"files-find", COMPLETE, LB_PASS_FIND, LB_FORM_ESTARGZ, true},
	{"files-cat", COMPLETE, LB_PASS_CAT, LB_FORM_ESTARGZ, true},
	{"files-random", COMPLETE, LB_PASS_RANDOM, LB_FORM_ESTARGZ, true},
	{"marked", MARKED, LB_PASS_BUT, LB_FORM_ESTARGZ, false},
	{"files-marked", MARKED, LB_PASS_BUT, LB_FORM_ESTARGZ, true},
	{"fuse", FUSE, LB_PASS_SCAN, LB_FORM_ESTARGZ, true},
	{"fuse-random", FUSE, LB_PASS_RANDOM, LB_FORM_ESTARGZ, true},
	{"fuse-stargz", FUSE_STARGZ, LB_PASS_SCAN, LB_FORM_ESTARGZ, true},
	{"missing-nydusd", MISSING_NYDUSD, LB_PASS_SCAN, LB_FORM_RAFS6, false},
	{"missing-stargz", MISSING_STARGZ, LB_PASS_SCAN, LB_FORM_ESTARGZ, false},
	{"start", START, LB_PASS_IMPORT, LB_FORM_RAFS6, false},
	{"start-list", START, LB_PASS_IMPORT, LB_FORM_RAFS6_OPTIMISED, false},
};

#define ROWS (sizeof(rows) / sizeof(rows[0]))

struct scan {
	struct lb_lab lab;
	struct lb_prepared image, files;
	struct lb_scene scene, small;
};

/* What one job works on. */
struct job {
	struct scan *scan;
	const struct row *row;
	const struct lb_scene *scene;
	const struct lb_form *form;
};

static void free_scan(struct scan *s)
{
	lb_prepared_free(&s->image);
	lb_prepared_free(&s->files);
	lb_lab_free(&s->lab);
}

/* The pass; of complete images, cold and then warm. */
static enum lp_code passes(const struct job *j, const char *at, json_t *out, struct lp_err *err)
{
	LP_AUTO(lp_json_free) json_t *warm = json_object();

	if (lb_scene_pass(j->scene, j->row->pass, at, out, err))
		return err->code;
	if (j->row->state != COMPLETE)
		return LP_OK;
	if (lb_scene_pass(j->scene, j->row->pass, at, warm, err))
		return err->code;
	lb_set_number(out, "warm_ns", lb_number(warm, "wall_ns"));
	return LP_OK;
}

/* Everything is local: cold, mounted, read. */
static enum lp_code read_local(const struct job *j, struct lb_view *v, json_t *out,
			       struct lp_err *err)
{
	bool marked = !strcmp(v->store, j->scene->marked);
	struct lp_err left = {.code = LP_OK};
	enum lp_code code;

	if (lb_scene_cold(j->scene, NULL, err) || lb_scene_mount(j->scene, v, err))
		return err->code;
	code = passes(j, v->at, out, err);
	if (!code && marked)
		code = lb_scene_incomplete(j->scene, v, err);
	if (lb_scene_umount(j->scene, v, &left) && !code)
		*err = left;
	return code ? code : left.code;
}

static enum lp_code local_ours(const struct job *j, json_t *out, struct lp_err *err)
{
	bool fuse = j->row->state == FUSE || j->row->state == FUSE_STARGZ;
	struct lb_view v = {.store = j->row->state == MARKED ? j->scene->marked :
							       j->scene->complete,
			    .reference = j->form->reference,
			    .mode = fuse ? "fuse" : "kernel"};

	return read_local(j, &v, out, err);
}

static enum lp_code local_theirs(const struct job *j, json_t *out, struct lp_err *err)
{
	const struct lb_form *f = lb_prepared_form(j->scene->image, LB_FORM_LEGACY);
	struct lb_view v = {.store = j->scene->complete, .reference = f ? f->reference : "",
			    .mode = "extract"};

	return read_local(j, &v, out, err);
}

/* Bytes of the blobs that have the files: in RAFS, all but the bootstrap's layer. */
static uint64_t data_bytes(const struct lb_form *f, bool rafs)
{
	uint64_t sum = 0;

	for (size_t i = FIRST_LAYER; i + rafs < f->nblob; i++) {
		struct stat st;

		if (!stat(f->blob[i], &st))
			sum += (uint64_t)st.st_size;
	}
	return sum;
}

/* What was asked of the registry between the mount and the end of the pass. */
static enum lp_code count(const struct job *j, uint64_t begin_ns, uint64_t end_ns, json_t *out,
			  struct lp_err *err)
{
	uint64_t all = data_bytes(j->form, j->row->state == MISSING_NYDUSD);

	if (lb_serve_count(&j->scan->lab, begin_ns, end_ns, out, err))
		return err->code;
	lb_set_number(out, "body_ppm",
		      (uint64_t)((double)lb_number(out, "body_bytes") / (double)all * PPM));
	return LP_OK;
}

static enum lp_code missing_ours(const struct job *j, json_t *out, struct lp_err *err)
{
	char store[LB_PATH];
	struct lb_view v = {.store = store, .reference = j->form->reference, .mode = "kernel"};
	struct lp_err left = {.code = LP_OK};
	struct lb_args a = {.n = 0};
	LP_AUTO(lp_buf_free) struct lp_buf said = {0};
	uint64_t begin_ns, end_ns;
	enum lp_code code;

	if (lb_contest_fresh(&j->scan->lab, store, err))
		return err->code;
	lb_args_add(&a, "%s", j->scan->lab.programs.lazypull);
	lb_args_add(&a, "pull");
	lb_args_add(&a, "--store=%s", store);
	lb_args_add(&a, "%s", v.reference);
	if (lb_capture(&a, 65536, &said, NULL, err) || lb_scene_cold(j->scene, j->form, err) ||
	    lb_serve_forget(&j->scan->lab, err))
		return err->code;
	begin_ns = lp_now_ns();
	if (lb_scene_mount(j->scene, &v, err))
		return err->code;
	code = passes(j, v.at, out, err);
	end_ns = lp_now_ns();
	if (lb_scene_umount(j->scene, &v, &left) && !code)
		*err = left;
	if (code || left.code)
		return err->code;
	return count(j, begin_ns, end_ns, out, err);
}

static enum lp_code missing_nydusd(const struct job *j, json_t *out, struct lp_err *err)
{
	LP_AUTO(lb_nydusd_free) struct lb_nydusd d = {.mount = ""};
	const struct lb_lab *l = &j->scan->lab;
	char directory[LB_PATH], boot[1100];
	const struct lb_nydusd_options o = {
		.boot = boot, .host = l->host, .repository = j->scene->image->workload.name};
	uint64_t begin_ns, end_ns;

	if (lb_contest_fresh(l, directory, err) ||
	    lb_nydus_boot(j->form->blob[j->form->nblob - 1], directory, boot, err) ||
	    lb_scene_cold(j->scene, j->form, err) || lb_serve_forget(&j->scan->lab, err))
		return err->code;
	begin_ns = lp_now_ns();
	if (lb_nydusd_start(&d, &l->programs, &o, directory, err) ||
	    passes(j, d.mount, out, err))
		return err->code;
	end_ns = lp_now_ns();
	lb_nydusd_free(&d);
	return count(j, begin_ns, end_ns, out, err);
}

/* With everything in its cache first, or with nothing there. */
static enum lp_code read_stargz(const struct job *j, const char *at, json_t *out,
				struct lp_err *err)
{
	LP_AUTO(lp_json_free) json_t *ignored = json_object();
	bool full = j->row->state == FUSE_STARGZ;
	uint64_t begin_ns, end_ns;

	if ((full && passes(j, at, ignored, err)) ||
	    lb_scene_cold(j->scene, full ? NULL : j->form, err) ||
	    lb_serve_forget(&j->scan->lab, err))
		return err->code;
	begin_ns = lp_now_ns();
	if (passes(j, at, out, err))
		return err->code;
	end_ns = lp_now_ns();
	return full ? LP_OK : count(j, begin_ns, end_ns, out, err);
}

static enum lp_code stargz(const struct job *j, json_t *out, struct lp_err *err)
{
	LP_AUTO(lb_containerd_free) struct lb_containerd peer = {.peers = NULL};
	LP_AUTO(lp_json_free) json_t *ns = NULL;
	char directory[LB_PATH], at[LB_PATH];
	const char *const words[] = {"-snapshotter=stargz", "-lazy", "mount", j->form->reference,
				     at};
	enum lp_code code;

	if (lb_contest_fresh(&j->scan->lab, directory, err))
		return err->code;
	lb_path(at, "%.1000s/view", directory);
	if (mkdir(at, 0755))
		return lp_fail_errno(err, "mkdir %s", at);
	if (lb_containerd_start(&peer, &j->scan->lab.programs, directory, true, err) ||
	    lb_containerd_drive(&peer, words, sizeof(words) / sizeof(words[0]), &ns, err))
		return err->code;
	code = read_stargz(j, at, out, err);
	umount2(at, MNT_DETACH);
	return code;
}

/* In a registry that takes its time. */
static enum lp_code start(const struct job *j, enum lb_side side, json_t *out,
			  struct lp_err *err)
{
	struct lb_lab *l = &j->scan->lab;
	const struct lb_serving s = {
		.form = j->form,
		.task = &j->scene->image->workload.task[0],
		.prefetch = strcmp(j->row->form, LB_FORM_RAFS6) != 0,
		.mode = "kernel",
		.nothing = true,
	};
	struct lp_err again;
	enum lp_code code;

	if (lb_scene_cold(j->scene, j->form, err) || lb_lab_behave(l, SLOW, err))
		return err->code;
	code = side == LB_OURS ? lb_serve_ours(l, &s, out, err) :
				 lb_serve_nydusd(l, &s, out, err);
	if (lb_lab_behave(l, NULL, &again)) {
		*err = again;
		return err->code;
	}
	return code;
}

static enum lp_code do_job(void *experiment, size_t contest, enum lb_side side, json_t *out,
			   struct lp_err *err)
{
	struct scan *s = experiment;
	const struct row *r = &rows[contest];
	struct job j = {.scan = s, .row = r, .scene = r->files ? &s->small : &s->scene};

	*err = (struct lp_err){0};
	j.form = lb_prepared_form(j.scene->image, r->form);
	if (!j.form)
		return lp_fail(err, LP_EMISSING, LP_NO_OFFSET, NULL, "no image %s", r->form);
	if (r->state == START)
		return start(&j, side, out, err);
	if (r->state == MISSING_NYDUSD || r->state == MISSING_STARGZ) {
		if (side == LB_OURS)
			return missing_ours(&j, out, err);
		return r->state == MISSING_NYDUSD ? missing_nydusd(&j, out, err) :
						    stargz(&j, out, err);
	}
	if (side == LB_OURS)
		return local_ours(&j, out, err);
	return r->state == FUSE_STARGZ ? stargz(&j, out, err) : local_theirs(&j, out, err);
}

static enum lp_code check_peers(const struct lb_lab *l, struct lp_err *err)
{
	const char *bring = lb_nydus_missing(&l->programs);

	if (!bring)
		bring = lb_containerd_missing(&l->programs);
	return bring ? lp_fail(err, LP_EMISSING, LP_NO_OFFSET, NULL,
			       "there is nobody to compare with: %s", bring) : LP_OK;
}

/* Is a contest to be run that is about the small files, or about the image? */
static bool wants(const struct lb_run_options *o, bool files)
{
	for (size_t i = 0; i < ROWS; i++)
		if (rows[i].files == files && lb_contest_chosen(o, rows[i].name))
			return true;
	return false;
}

static enum lp_code prepare(struct scan *s, const struct lb_run_options *o, struct lp_err *err)
{
	const char *image = o->images.text[0];

	if (wants(o, false) && (lb_prepare(&s->lab, image, &s->image, err) ||
				lb_scene_prepare(&s->scene, &s->lab, &s->image, err)))
		return err->code;
	if (wants(o, true) && (lb_prepare(&s->lab, FILES_IMAGE, &s->files, err) ||
			       lb_scene_prepare(&s->small, &s->lab, &s->files, err)))
		return err->code;
	return LP_OK;
}

enum lp_code lb_scan(struct lb_session *s, struct lb_run_options *o, struct lp_err *err)
{
	LP_AUTO(free_scan) struct scan scan = {.lab.registry = {.pidfd = -1}};
	struct lb_contests contests = {.n = ROWS, .job = do_job, .experiment = &scan,
				       .bar = bars};

	for (size_t i = 0; i < ROWS; i++)
		contests.name[i] = rows[i].name;
	if (o->lab.registry)
		return lp_fail(err, LP_EUSAGE, LP_NO_OFFSET, NULL,
			       "requests are counted by the embedded registry alone");
	if (lb_contests_check(&contests, o, err) || lb_lab_open(&scan.lab, &o->lab, err) ||
	    check_peers(&scan.lab, err) || prepare(&scan, o, err))
		return err->code;
	return lb_contests_run(&contests, s, &scan.lab, o, err);
}
