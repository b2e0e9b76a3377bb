// SPDX-License-Identifier: MIT
#include "experiment/reference.h"

#include <fts.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>

#define WORDS_MAX ((size_t)1 << 16)

static enum lp_code add(struct lb_reference *r, const char *path, uint64_t bytes,
			struct lp_err *err)
{
	struct lb_goal *more = realloc(r->file, (r->n + 1) * sizeof(*more));

	if (!more)
		return lp_fail_errno(err, "reference");
	r->file = more;
	more[r->n] = (struct lb_goal){.path = strdup(path), .bytes = bytes};
	if (!more[r->n].path)
		return lp_fail_errno(err, "reference");
	r->n++;
	r->bytes += bytes;
	return LP_OK;
}

static int by_name(const FTSENT **a, const FTSENT **b)
{
	return strcmp((*a)->fts_name, (*b)->fts_name);
}

static enum lp_code list(struct lb_reference *r, struct lp_err *err)
{
	char *top[] = {r->at, NULL};
	FTS *fts = fts_open(top, FTS_PHYSICAL | FTS_NOCHDIR | FTS_XDEV, by_name);
	enum lp_code code = LP_OK;
	FTSENT *e;

	if (!fts)
		return lp_fail_errno(err, "list %s", r->at);
	while (!code && (e = fts_read(fts)))
		if (e->fts_info == FTS_F && S_ISREG(e->fts_statp->st_mode) && e->fts_statp->st_size)
			code = add(r, e->fts_path + strlen(r->at) + 1,
				   (uint64_t)e->fts_statp->st_size, err);
	fts_close(fts);
	return code;
}

enum lp_code lb_reference_make(struct lb_reference *r, const struct lb_lab *l, const char *name,
			       struct lp_err *err)
{
	LP_AUTO(lp_buf_free) struct lp_buf said = {0};
	struct lb_args a = {.n = 0};
	char store[LB_PATH];

	*r = (struct lb_reference){.n = 0};
	lb_lab_path(l, "stores/reference", store);
	lb_path(r->at, "%.1000s/root", store);
	if (lb_make_directory(r->at, err))
		return err->code;
	lb_args_add(&a, "%s", l->programs.lazypull);
	lb_args_add(&a, "mount");
	lb_args_add(&a, "--store=%s/store", store);
	lb_args_add(&a, "--mount=extract");
	lb_args_add(&a, "%s", name);
	lb_args_add(&a, "%s", r->at);
	if (lb_capture(&a, WORDS_MAX, &said, NULL, err))
		return err->code;
	if (list(r, err))
		return err->code;
	if (!r->n)
		return lp_fail(err, LP_EREMOTE, LP_NO_OFFSET, NULL, "%s: there is nothing to read",
			       name);
	return LP_OK;
}

void lb_reference_free(struct lb_reference *r)
{
	for (size_t i = 0; i < r->n; i++)
		free(r->file[i].path);
	free(r->file);
	if (*r->at)
		umount2(r->at, MNT_DETACH | UMOUNT_NOFOLLOW);
	*r = (struct lb_reference){.n = 0};
}
