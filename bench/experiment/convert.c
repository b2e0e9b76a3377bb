// SPDX-License-Identifier: MIT
#include "experiment/convert.h"

#include "base/file.h"
#include "base/log.h"
#include "experiment/contest.h"
#include "experiment/opening.h"
#include "experiment/prepare.h"
#include "oci/manifest.h"
#include "system/containerd.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define TOC_IMAGE "small-files"
#define PATIENCE_MS 10000	/* with what a job leaves behind, ours */
#define FIRST_LAYER 2		/* of a form's blobs: behind manifest and config */

#define CTR_REMOTE "/usr/bin/ctr-remote"

enum { CONVERT_9, CONVERT_6, PULL, TOC, CONVERT_CTR, CONTESTS };

static const struct lb_bar bars[] = {
	{"convert-9", "wall_ns", 250000, 0, NULL, 0},
	{"convert-9", "bytes", 1010000, 0, NULL, 0},
	{"convert-6", "wall_ns", 400000, 0, NULL, 0},
	{"convert-6", "bytes", 1010000, 0, NULL, 0},
	{"convert-9", "user_us", 0, 0, NULL, 0},
	{"pull", "wall_ns", 600000, 0, NULL, 0},
	{"toc", "meta_ns", 333333, 0, "ours: blobs named to meta.erofs written", 0},
	{"toc", "wall_ns", 0, 0, "ours: the whole process, made durable", 0},
	{"convert-ctr", "wall_ns", 0, 0, "theirs: Debian's ctr-remote, level 9", 0},
	{0},
};

struct convert {
	struct lb_lab lab;
	struct lb_prepared image, files;	/* files: with the large TOC */
};

static void free_convert(struct convert *c)
{
	lb_prepared_free(&c->image);
	lb_prepared_free(&c->files);
	lb_lab_free(&c->lab);
}

/* Bytes of the files in @path. */
static enum lp_code add_bytes(const char *path, json_t *out, struct lp_err *err)
{
	DIR *d = opendir(path);
	const struct dirent *e;
	struct stat st;

	if (!d)
		return lp_fail_errno(err, "open %s", path);
	while ((e = readdir(d)))
		if (!fstatat(dirfd(d), e->d_name, &st, AT_SYMLINK_NOFOLLOW) && S_ISREG(st.st_mode))
			lb_contest_add(out, "bytes", (uint64_t)st.st_size);
	closedir(d);
	return LP_OK;
}

static enum lp_code convert_ours(struct convert *c, int level, json_t *out, struct lp_err *err)
{
	const struct lb_form *f = lb_prepared_form(&c->image, LB_FORM_LEGACY);
	char to[LB_PATH], blobs[LB_PATH + 16];
	struct lb_args a = {.n = 0};
	const char *name = c->image.workload.name;

	if (!f || lb_contest_fresh(&c->lab, to, err))
		return f ? err->code : lp_fail(err, LP_EMISSING, LP_NO_OFFSET, NULL, "no image");
	lb_args_add(&a, "%s", c->lab.programs.lazypull);
	lb_args_add(&a, "convert");
	lb_args_add(&a, "--to=estargz");
	lb_args_add(&a, "--level=%d", level);
	lb_args_add(&a, "--threads=2");
	lb_args_add(&a, "oci:%s/registry/%s:%s", c->lab.work, name, LB_FORM_LEGACY);
	lb_args_add(&a, "oci:%s:%s", to, LB_FORM_ESTARGZ);
	if (lb_contest_time(&c->lab, &a, out, err))
		return err->code;
	snprintf(blobs, sizeof(blobs), "%s/blobs/sha256", to);
	return add_bytes(blobs, out, err);
}

static enum lp_code convert_theirs(struct convert *c, int level, json_t *out,
				   struct lp_err *err)
{
	const struct lb_form *f = lb_prepared_form(&c->image, LB_FORM_LEGACY);
	char to[LB_PATH];

	if (!f || lb_contest_fresh(&c->lab, to, err))
		return f ? err->code : lp_fail(err, LP_EMISSING, LP_NO_OFFSET, NULL, "no image");
	for (size_t i = FIRST_LAYER; i < f->nblob; i++) {
		struct lb_args a = {.n = 0};

		lb_args_add(&a, "%s/esgz", c->lab.programs.peers);
		lb_args_add(&a, "build");
		lb_args_add(&a, "-level=%d", level);
		lb_args_add(&a, "-workers=2");
		lb_args_add(&a, "%s", f->blob[i]);
		lb_args_add(&a, "%s/%zu", to, i);
		if (lb_contest_time(&c->lab, &a, out, err))
			return err->code;
	}
	return add_bytes(to, out, err);
}

/* The image is in containerd's store already, as it is in our layout. */
static enum lp_code convert_ctr(struct convert *c, json_t *out, struct lp_err *err)
{
	const char *reference = c->image.form[0].reference;
	const char *words[] = {"-snapshotter=overlayfs", "pull", reference};
	LP_AUTO(lp_json_free) json_t *ns = NULL;
	LP_AUTO(lb_containerd_free) struct lb_containerd peer = {.peers = NULL};
	struct lb_args a = {.n = 0};
	char directory[LB_PATH];

	if (lb_contest_fresh(&c->lab, directory, err) ||
	    lb_containerd_start(&peer, &c->lab.programs, directory, false, err) ||
	    lb_containerd_drive(&peer, words, 3, &ns, err))
		return err->code;
	sync();
	lb_args_add(&a, CTR_REMOTE);
	lb_args_add(&a, "--address=%s/containerd.sock", directory);
	lb_args_add(&a, "--namespace=lazybench");
	lb_args_add(&a, "images");
	lb_args_add(&a, "convert");
	lb_args_add(&a, "--estargz");
	lb_args_add(&a, "--oci");
	lb_args_add(&a, "%s", reference);
	lb_args_add(&a, "%s-ctr", reference);
	return lb_contest_time(&c->lab, &a, out, err);
}

static enum lp_code pull_ours(struct convert *c, json_t *out, struct lp_err *err)
{
	struct lb_args a = {.n = 0};
	struct lb_cost after = {0};
	char store[LB_PATH];

	if (lb_contest_fresh(&c->lab, store, err))
		return err->code;
	lb_args_add(&a, "%s", c->lab.programs.lazypull);
	lb_args_add(&a, "pull");
	lb_args_add(&a, "--store=%s", store);
	lb_args_add(&a, "--mount=extract");
	lb_args_add(&a, "%s", c->image.form[0].reference);
	if (lb_contest_time(&c->lab, &a, out, err))
		return err->code;
	lb_orphans_end(c->lab.registry.pid, PATIENCE_MS, &after);
	lb_set_number(out, "after_us", after.user_us + after.system_us);
	return LP_OK;
}

static enum lp_code pull_theirs(struct convert *c, json_t *out, struct lp_err *err)
{
	const char *words[] = {"-snapshotter=overlayfs", "pull", c->image.form[0].reference};
	LP_AUTO(lp_json_free) json_t *ns = NULL;
	LP_AUTO(lb_containerd_free) struct lb_containerd peer = {.peers = NULL};
	char directory[LB_PATH];

	if (lb_contest_fresh(&c->lab, directory, err) ||
	    lb_containerd_start(&peer, &c->lab.programs, directory, false, err) ||
	    lb_containerd_drive(&peer, words, 3, &ns, err))
		return err->code;
	lb_set_number(out, "wall_ns", lb_number(ns, "rootfs") - lb_number(ns, "request"));
	return LP_OK;
}

static enum lp_code open_theirs(struct convert *c, const char *blob, const char *toc,
				uint64_t *ns, struct lp_err *err)
{
	LP_AUTO(lp_buf_free) struct lp_buf said = {0};
	struct lb_args a = {.n = 0};
	unsigned long long n = 0;

	lb_args_add(&a, "%s/esgz", c->lab.programs.peers);
	lb_args_add(&a, "open");
	lb_args_add(&a, "%s", blob);
	lb_args_add(&a, "%s", toc);
	if (lb_capture(&a, 100, &said, NULL, err) || lp_buf_add(&said, "", 1, 200, err))
		return err->code;
	if (sscanf((const char *)said.p, "%llu", &n) != 1)
		return lp_fail(err, LP_EREMOTE, LP_NO_OFFSET, NULL, "esgz open: no number");
	*ns += n;
	return LP_OK;
}

static enum lp_code toc_theirs(struct convert *c, json_t *out, struct lp_err *err)
{
	const struct lb_form *f = lb_prepared_form(&c->files, LB_FORM_ESTARGZ);
	LP_AUTO(lp_buf_free) struct lp_buf text = {0};
	LP_AUTO(lp_manifest_free) struct lp_manifest m = {0};
	uint64_t ns = 0;

	if (!f)
		return lp_fail(err, LP_EMISSING, LP_NO_OFFSET, NULL, "no image");
	if (lp_file_load(AT_FDCWD, f->blob[0], LP_MANIFEST_MAX, &text, err) ||
	    lp_manifest_parse(text.p, text.len, NULL, &m, err))
		return err->code;
	for (size_t i = 0; i < m.nlayer; i++) {
		const char *toc = lp_descriptor_note(&m.layer[i], LP_NOTE_TOC_DIGEST);

		if (open_theirs(c, f->blob[FIRST_LAYER + i], toc ? toc : "", &ns, err))
			return err->code;
	}
	lb_set_number(out, "wall_ns", ns);
	lb_set_number(out, "meta_ns", ns);
	return LP_OK;
}

static enum lp_code job(void *experiment, size_t contest, enum lb_side side, json_t *out,
			struct lp_err *err)
{
	struct convert *c = experiment;
	bool ours = side == LB_OURS;
	int level = contest == CONVERT_6 ? 6 : 9;

	switch (contest) {
	case PULL:
		return ours ? pull_ours(c, out, err) : pull_theirs(c, out, err);
	case TOC:
		return ours ? lb_opening(&c->lab, TOC_IMAGE, LB_FORM_ESTARGZ, out, err) : toc_theirs(c, out, err);
	case CONVERT_CTR:
		if (!ours)
			return convert_ctr(c, out, err);
	}
	return ours ? convert_ours(c, level, out, err) : convert_theirs(c, level, out, err);
}

enum lp_code lb_convert(struct lb_session *s, struct lb_run_options *o, struct lp_err *err)
{
	LP_AUTO(free_convert) struct convert c = {.lab.registry = {.pidfd = -1}};
	const struct lb_contests contests = {
		.name = {"convert-9", "convert-6", "pull", "toc", "convert-ctr"},
		.n = access(CTR_REMOTE, X_OK) ? CONVERT_CTR : CONTESTS,
		.job = job, .experiment = &c, .bar = bars,
	};
	const char *bring;

	if (lb_contests_check(&contests, o, err) || lb_lab_open(&c.lab, &o->lab, err))
		return err->code;
	bring = lb_containerd_missing(&c.lab.programs);
	if (bring)
		return lp_fail(err, LP_EMISSING, LP_NO_OFFSET, NULL,
			       "there is nobody to compare with: %s", bring);
	if (lb_prepare(&c.lab, o->images.text[0], &c.image, err) ||
	    lb_prepare(&c.lab, TOC_IMAGE, &c.files, err))
		return err->code;
	return lb_contests_run(&contests, s, &c.lab, o, err);
}
