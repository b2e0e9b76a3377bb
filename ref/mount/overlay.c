// SPDX-License-Identifier: MIT
#include "mount/overlay.h"

#include "base/file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#define OPTIONS_MAX 4096	/* bytes: a page, mount(2) */
#define NOTHING "none"

#define WRITABLE "upperdir=rw/upper,workdir=rw/work"

/* From what we want to what the oldest kernels have. */
static const char *const trusted_options[] = {
	WRITABLE ",redirect_dir=on,metacopy=on,index=off,volatile",
	WRITABLE ",redirect_dir=on,metacopy=on,index=off",
	WRITABLE,
	NULL,
};
/* In a user namespace: user.overlay.*, without redirect_dir and metacopy. */
static const char *const user_options[] = {
	WRITABLE ",userxattr,volatile",
	WRITABLE ",userxattr",
	NULL,
};

static enum lp_code make_dirs(struct lp_err *err)
{
	if ((mkdir("rw", 0755) && errno != EEXIST) || (mkdir("rw/upper", 0755) && errno != EEXIST) ||
	    (mkdir("rw/work", 0755) && errno != EEXIST))
		return lp_fail_errno(err, "make the writable directories");
	return LP_OK;
}

/* "lowerdir=C:B:A" */
static enum lp_code lower_option(const struct lp_overlay *o, char out[static OPTIONS_MAX],
				 struct lp_err *err)
{
	size_t n = (size_t)snprintf(out, OPTIONS_MAX, "lowerdir=");

	for (size_t i = o->nlower; i-- > 0;) {
		n += (size_t)snprintf(out + n, OPTIONS_MAX - n, "%s%s", o->lower[i], i ? ":" : "");
		if (n >= OPTIONS_MAX)
			return lp_fail(err, LP_ELIMIT, LP_NO_OFFSET, "mount.overlay.layers",
				       "%zu layers are more than overlayfs takes", o->nlower);
	}
	return LP_OK;
}

/* May we write trusted xattrs?  Else overlayfs would lose what it notes of directories. */
static bool is_trusted(void)
{
	bool refused = setxattr("rw/upper", "trusted.lazypull", "", 0, 0) && errno == EPERM;

	if (!refused)
		removexattr("rw/upper", "trusted.lazypull");
	return !refused;
}

static int try_writable(const struct lp_overlay *o, const char *lower)
{
	const char *const *try = is_trusted() ? trusted_options : user_options;
	int rc = -1;

	for (; rc && *try; try++) {
		char options[OPTIONS_MAX];

		if (snprintf(options, sizeof(options), "%s,%s", lower, *try) >=
		    (int)sizeof(options)) {
			errno = E2BIG;
			return -1;
		}
		rc = mount(o->source, o->at, "overlay", 0, options);
		if (rc && errno != EINVAL)
			return rc;
	}
	return rc;
}

static enum lp_code mount_writable(const struct lp_overlay *o, const char *lower,
				   struct lp_err *err)
{
	if (make_dirs(err))
		return err->code;
	if (!try_writable(o, lower))
		return LP_OK;
	/* The store's file system cannot be an upper one: an overlay itself, for example. */
	if (mount("tmpfs", "rw", "tmpfs", MS_NOSUID | MS_NODEV, "mode=755"))
		return lp_fail_errno(err, "mount a tmpfs");
	if (make_dirs(err))
		return err->code;
	if (try_writable(o, lower))
		return lp_fail_errno(err, "mount the overlay");
	return LP_OK;
}

/* A directory that stays empty and is not removed, as one of the caller's might be: a tmpfs. */
static enum lp_code make_nothing(struct lp_err *err)
{
	if ((mkdir(NOTHING, 0755) && errno != EEXIST) ||
	    mount("tmpfs", NOTHING, "tmpfs", MS_RDONLY, "mode=755"))
		return lp_fail_errno(err, "make an empty directory");
	return LP_OK;
}

static enum lp_code mount_read_only(const struct lp_overlay *o, char lower[static OPTIONS_MAX],
				    struct lp_err *err)
{
	/* Without an upper one there must be two lower ones. */
	bool alone = o->nlower == 1;
	enum lp_code code = LP_OK;

	if (alone && make_nothing(err))
		return err->code;
	if (alone)
		memcpy(lower + strlen(lower), ":" NOTHING, sizeof(":" NOTHING));
	if (mount(o->source, o->at, "overlay", MS_RDONLY | MS_NOSUID | MS_NODEV, lower))
		code = lp_fail_errno(err, "mount the overlay");
	/* The overlay keeps it. */
	if (alone && umount2(NOTHING, MNT_DETACH) && !code)
		code = lp_fail_errno(err, "let go of the empty directory");
	return code;
}

static enum lp_code mount_there(const struct lp_overlay *o, struct lp_err *err)
{
	char lower[OPTIONS_MAX];

	if (lower_option(o, lower, err))
		return err->code;
	if (o->writable)
		return mount_writable(o, lower, err);
	return mount_read_only(o, lower, err);
}

enum lp_code lp_overlay_mount(const struct lp_overlay *o, struct lp_err *err)
{
	LP_AUTO(lp_fd_close) int here = open(".", O_PATH | O_DIRECTORY | O_CLOEXEC);
	enum lp_code code;

	if (here < 0 || fchdir(o->dir))
		return lp_fail_errno(err, "enter the directory of the overlay");
	code = mount_there(o, err);
	if (fchdir(here))
		return code ? code : lp_fail_errno(err, "go back");
	return code;
}
