// SPDX-License-Identifier: MIT
#include "experiment/nydus.h"

#include "experiment/contest.h"
#include "experiment/opening.h"
#include "experiment/prepare.h"
#include "experiment/serve.h"
#include "system/nydus.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#define FILES_IMAGE "small-files"
#define FIRST_LAYER 2 /* of a form's blobs: behind manifest and config */
#define MIB ((uint64_t)1 << 20)

enum {
	WRITE6_ZSTD,
	WRITE6_LZ4,
	WRITE5_ZSTD,
	OPEN,
	SERVE6,
	SERVE5,
	SERVE6_LIST,
	SERVE5_LIST,
	FILES,
	CONTESTS
};

static const struct lb_bar bars[] = {
	{"write6-zstd", "wall_ns", 700000, 0, NULL, 0},
	{"write6-zstd", "bytes", 1010000, 0, NULL, 0},
	{"write6-lz4", "wall_ns", 700000, 0, NULL, 0},
	{"write6-lz4", "bytes", 1010000, 0, NULL, 0},
	{"write5-zstd", "wall_ns", 0, 0, NULL, 0},
	{"write5-zstd", "bytes", 0, 0, NULL, 0},
	{"write6-zstd", "rss_kib", 0, 0, NULL, 0},
	{"write6-zstd", "user_us", 0, 0, NULL, 0},
	{"open", "meta_ns", 1000000, 0, "ours: blobs named to meta.erofs written", 0},
	{"open", "wall_ns", 0, 0, "ours: the whole process, made durable", 0},
	{"serve6", "requests", 850000, 0, NULL, 0},
	{"serve6", "body_bytes", 1050000, 0, NULL, 0},
	{"serve5", "requests", 1000000, 0, NULL, 0},
	{"serve5", "body_bytes", 1050000, 0, NULL, 0},
	{"serve6-list", "requests", 600000, 0, NULL, 0},
	{"serve6-list", "body_bytes", 0, 0, NULL, 0},
	{"serve5-list", "requests", 600000, 0, NULL, 0},
	{"serve5-list", "body_bytes", 0, 0, NULL, 0},
	{"serve6", "first_output_ns", 0, 0, "mount to first line", 0},
	{"serve5", "first_output_ns", 0, 0, "mount to first line", 0},
	{"serve6-list", "first_output_ns", 0, 0, "mount to first line", 0},
	{"serve5-list", "first_output_ns", 0, 0, "mount to first line", 0},
	{"serve6", "rss_bytes", 0, 6 * MIB, NULL, 0},
	{"serve5", "rss_bytes", 0, 6 * MIB, NULL, 0},
	{"files", "rss_bytes", 0, 12 * MIB, NULL, 0},
	{0},
};

/* The contests of writers. */
static const struct lb_nydus_writer writers[] = {
	[WRITE6_ZSTD] = {6, "zstd"},
	[WRITE6_LZ4] = {6, "lz4_block"},
	[WRITE5_ZSTD] = {5, "zstd"},
};

struct nydus {
	struct lb_lab lab;
	struct lb_prepared image, files;
	struct lb_form plain;
};

static void free_nydus(struct nydus *n)
{
	lb_form_free(&n->plain);
	lb_prepared_free(&n->image);
	lb_prepared_free(&n->files);
	lb_lab_free(&n->lab);
}

static void add_bytes(const char *path, json_t *out)
{
	struct stat st;

	if (!stat(path, &st))
		lb_contest_add(out, "bytes", (uint64_t)st.st_size);
}

static enum lp_code write_ours(struct nydus *n, const struct lb_nydus_writer *w, json_t *out,
			       struct lp_err *err)
{
	struct lb_args a = {.n = 0};
	char to[LB_PATH];
	struct lb_form made = {.nblob = 0};

	if (lb_contest_fresh(&n->lab, to, err))
		return err->code;
	lb_args_add(&a, "%s", n->lab.programs.lazypull);
	lb_args_add(&a, "convert");
	lb_args_add(&a, "--to=rafs%d", w->version);
	lb_args_add(&a, "--compressor=%s", w->compressor);
	lb_args_add(&a, "--threads=2");
	lb_args_add(&a, "%s", n->plain.reference);
	lb_args_add(&a, "oci:%s:made", to);
	if (lb_contest_time(&n->lab, &a, out, err) || lb_form_describe(&made, to, "made", err))
		return err->code;
	for (size_t i = FIRST_LAYER; i + 1 < made.nblob; i++)
		add_bytes(made.blob[i], out);
	lb_form_free(&made);
	return LP_OK;
}

/* The commands of the converters; what they do themselves is not timed. */
static enum lp_code write_theirs(struct nydus *n, const struct lb_nydus_writer *w, json_t *out,
				 struct lp_err *err)
{
	char to[LB_PATH], blob[LB_PATH + 24], (*boot)[1100];
	size_t layers = n->plain.nblob - FIRST_LAYER;
	struct lb_args a;

	if (lb_contest_fresh(&n->lab, to, err))
		return err->code;
	boot = calloc(layers, sizeof(*boot));
	if (!boot)
		return lp_fail_errno(err, "bootstraps");
	err->code = LP_OK;
	for (size_t i = 0; i < layers && !err->code; i++) {
		snprintf(blob, sizeof(blob), "%s/%zu", to, i);
		lb_nydus_create(&n->lab.programs, w, n->plain.blob[FIRST_LAYER + i], blob, &a);
		if (lb_contest_time(&n->lab, &a, out, err) || lb_nydus_cut(blob, to, boot[i], err))
			break;
		add_bytes(blob, out);
	}
	if (!err->code) {
		snprintf(blob, sizeof(blob), "%s/merged", to);
		lb_nydus_merge(&n->lab.programs, (const char(*)[1100])boot, layers, blob, &a);
		if (!lb_contest_time(&n->lab, &a, out, err))
			err->code = LP_OK;
	}
	free(boot);
	return err->code;
}

static enum lp_code open_theirs(struct nydus *n, json_t *out, struct lp_err *err)
{
	const struct lb_form *f = lb_prepared_form(&n->files, LB_FORM_RAFS6);
	char directory[LB_PATH], boot[1100];
	struct lb_args a;

	if (!f || lb_contest_fresh(&n->lab, directory, err) ||
	    lb_nydus_boot(f->blob[f->nblob - 1], directory, boot, err))
		return f ? err->code : lp_fail(err, LP_EMISSING, LP_NO_OFFSET, NULL, "no image");
	lb_nydus_check(&n->lab.programs, boot, &a);
	if (lb_contest_time(&n->lab, &a, out, err))
		return err->code;
	lb_set_number(out, "meta_ns", lb_number(out, "wall_ns"));
	return LP_OK;
}

static enum lp_code serve(struct nydus *n, size_t contest, enum lb_side side, json_t *out,
			  struct lp_err *err)
{
	static const char *const forms[] = {
		[SERVE6] = LB_FORM_RAFS6,
		[SERVE5] = LB_FORM_RAFS5,
		[SERVE6_LIST] = LB_FORM_RAFS6_OPTIMISED,
		[SERVE5_LIST] = LB_FORM_RAFS5_OPTIMISED,
		[FILES] = LB_FORM_RAFS6,
	};
	const struct lb_prepared *p = contest == FILES ? &n->files : &n->image;
	const struct lb_serving s = {
		.form = lb_prepared_form(p, forms[contest]),
		.task = contest == FILES ? lb_workload_task(&p->workload, "all")
					 : &p->workload.task[0],
		.prefetch = contest == SERVE6_LIST || contest == SERVE5_LIST,
		.mode = "fuse",
	};

	if (!s.form || !s.task)
		return lp_fail(err, LP_EMISSING, LP_NO_OFFSET, NULL, "no image, or no task");
	return side == LB_OURS ? lb_serve_ours(&n->lab, &s, out, err)
			       : lb_serve_nydusd(&n->lab, &s, out, err);
}

static enum lp_code job(void *experiment, size_t contest, enum lb_side side, json_t *out,
			struct lp_err *err)
{
	struct nydus *n = experiment;
	bool ours = side == LB_OURS;

	if (contest <= WRITE5_ZSTD)
		return ours ? write_ours(n, &writers[contest], out, err)
			    : write_theirs(n, &writers[contest], out, err);
	if (contest == OPEN)
		return ours ? lb_opening(&n->lab, FILES_IMAGE, LB_FORM_RAFS6, out, err)
			    : open_theirs(n, out, err);
	return serve(n, contest, side, out, err);
}

enum lp_code lb_nydus(struct lb_session *s, struct lb_run_options *o, struct lp_err *err)
{
	LP_AUTO(free_nydus) struct nydus n = {.lab.registry = {.pidfd = -1}};
	const struct lb_contests contests = {
		.name = {"write6-zstd", "write6-lz4", "write5-zstd", "open", "serve6", "serve5",
			 "serve6-list", "serve5-list", "files"},
		.n = CONTESTS,
		.job = job,
		.experiment = &n,
		.bar = bars,
	};
	const char *bring;

	if (o->lab.registry)
		return lp_fail(err, LP_EUSAGE, LP_NO_OFFSET, NULL,
			       "requests are counted by the embedded registry alone");
	if (lb_contests_check(&contests, o, err) || lb_lab_open(&n.lab, &o->lab, err))
		return err->code;
	bring = lb_nydus_missing(&n.lab.programs);
	if (bring)
		return lp_fail(err, LP_EMISSING, LP_NO_OFFSET, NULL,
			       "there is nobody to compare with: %s", bring);
	if (lb_prepare(&n.lab, o->images.text[0], &n.image, err) ||
	    lb_prepare(&n.lab, FILES_IMAGE, &n.files, err) ||
	    lb_prepare_plain(&n.lab, &n.image, &n.plain, err))
		return err->code;
	return lb_contests_run(&contests, s, &n.lab, o, err);
}
