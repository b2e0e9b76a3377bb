// SPDX-License-Identifier: MIT
#include "cmd/dest.h"

#include "base/file.h"

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define DESCRIPTORS 32	/* ours: of directories open at once while removing */

enum lp_code lp_dest_open(struct lp_dest *d, const char *final, struct lp_err *err)
{
	size_t n = strlen(final);

	*d = (struct lp_dest)LP_DEST_EMPTY;
	while (n > 1 && final[n - 1] == '/')
		n--;
	if (!n || n + sizeof(".XXXXXX") > sizeof(d->path))
		return lp_fail(err, LP_EUSAGE, LP_NO_OFFSET, NULL, "a directory of %zu bytes", n);
	snprintf(d->path, sizeof(d->path), "%.*s.XXXXXX", (int)n, final);
	d->final = final;
	if (!mkdtemp(d->path)) {
		lp_fail_errno(err, "%s", d->path);
		d->path[0] = '\0';
		return err->code;
	}
	d->dir = open(d->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	return d->dir >= 0 ? LP_OK : lp_fail_errno(err, "%s", d->path);
}

enum lp_code lp_dest_keep(struct lp_dest *d, struct lp_err *err)
{
	if (rename(d->path, d->final))
		return lp_fail_errno(err, "%s becomes %s", d->path, d->final);
	d->path[0] = '\0';
	return LP_OK;
}

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *at)
{
	(void)st, (void)type, (void)at;
	return remove(path);
}

void lp_dest_free(struct lp_dest *d)
{
	lp_fd_close(&d->dir);
	if (d->path[0] && nftw(d->path, remove_one, DESCRIPTORS, FTW_DEPTH | FTW_PHYS))
		fprintf(stderr, "lazypull adapter: %s stays: %s\n", d->path, strerror(errno));
	d->path[0] = '\0';
}
