// SPDX-License-Identifier: MIT
#include "run/cell.h"

#include "base/file.h"

#include <net/if.h>
#include <sched.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <unistd.h>

#define TMPFS_OPTIONS "size=512m,mode=0755"

bool lc_cell_possible(void)
{
	return !geteuid();
}

static enum lp_code loopback_up(struct lp_err *err)
{
	LP_AUTO(lp_fd_close) int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	struct ifreq r = {.ifr_name = "lo"};

	if (fd < 0 || ioctl(fd, SIOCGIFFLAGS, &r))
		return lp_fail_errno(err, "loopback of a new network namespace");
	r.ifr_flags |= IFF_UP;
	if (ioctl(fd, SIOCSIFFLAGS, &r))
		return lp_fail_errno(err, "bring up loopback");
	return LP_OK;
}

enum lp_code lc_cell_enter(struct lc_cell *c, struct lp_err *err)
{
	c->isolated = lc_cell_possible() && !c->shared;
	if (!c->isolated)
		return LP_OK;
	if (unshare(CLONE_FS | CLONE_NEWNS | CLONE_NEWNET))
		return lp_fail_errno(err, "new mount and network namespaces");
	if (mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL))
		return lp_fail_errno(err, "make mounts private");
	if (mount("lazyconf", c->dir, "tmpfs", MS_NOSUID | MS_NODEV, TMPFS_OPTIONS))
		return lp_fail_errno(err, "tmpfs on %s", c->dir);
	return loopback_up(err);
}
