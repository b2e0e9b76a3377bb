// SPDX-License-Identifier: MIT
#include "mount/kernel.h"

#include "base/file.h"

#include <dirent.h>
#include <errno.h>
#include <linux/netlink.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <unistd.h>

#define BDI "/sys/class/bdi"
#define PREFIX "erofs-"
#define SOURCE_MAX 255	/* bytes of a string, fsconfig(2) */

/* Call @each with every EROFS super block's name. */
static void list(void (*each)(void *state, const char *name), void *state)
{
	DIR *d = opendir(BDI);
	struct dirent *e;

	while (d && (e = readdir(d)))
		if (!strncmp(e->d_name, PREFIX, strlen(PREFIX)))
			each(state, e->d_name);
	if (d)
		closedir(d);
}

/* N of "erofs-N": the kernel counts up. */
static unsigned long long number(const char *name)
{
	return strtoull(name + strlen(PREFIX), NULL, 10);
}

static void find_last(void *state, const char *name)
{
	unsigned long long *last = state;

	if (number(name) >= *last)
		*last = number(name) + 1;
}

struct newer {
	struct lp_kernel *k;
	unsigned long long than;
	size_t n;
};

static void take_newer(void *state, const char *name)
{
	struct newer *s = state;

	if (number(name) >= s->than && s->n < LP_KERNEL_NAMES)
		snprintf(s->k->name[s->n++], sizeof(s->k->name[0]), "%.31s", name);
}

/* The kernel's own words, if it left any with the context. */
static enum lp_code refused(int fs, struct lp_err *err)
{
	int sys = errno;
	char words[200] = "";
	ssize_t n = read(fs, words, sizeof(words) - 1);

	words[n > 0 ? strcspn(words, "\n") : 0] = 0;
	errno = sys;
	if (sys == ENOTBLK || sys == EOPNOTSUPP || sys == EPERM)
		return lp_fail(err, LP_EUNSUP, LP_NO_OFFSET, NULL,
			       "the kernel mounts no EROFS from this file: %s %s", strerror(sys),
			       words);
	return lp_fail_errno(err, "mount EROFS (%s)", words);
}

static enum lp_code configure(int fs, const struct lp_kernel_setup *s, struct lp_err *err)
{
	if (fsconfig(fs, FSCONFIG_SET_STRING, "source", s->source, 0))
		return refused(fs, err);
	for (size_t i = 0; i < s->ndevice; i++) {
		char path[40];

		snprintf(path, sizeof(path), "/proc/self/fd/%d", s->device[i]);
		if (fsconfig(fs, FSCONFIG_SET_STRING, "device", path, 0))
			return refused(fs, err);
	}
	if (fsconfig(fs, FSCONFIG_SET_FLAG, "ro", NULL, 0) ||
	    fsconfig(fs, FSCONFIG_CMD_CREATE, NULL, NULL, 0))
		return refused(fs, err);
	return LP_OK;
}

static enum lp_code open_context(int *fs, struct lp_err *err)
{
	*fs = fsopen("erofs", FSOPEN_CLOEXEC);
	if (*fs < 0)
		return lp_fail(err, LP_EUNSUP, LP_NO_OFFSET, NULL, "no EROFS of the kernel: %s",
			       strerror(errno));
	return LP_OK;
}

enum lp_code lp_kernel_try(struct lp_err *err)
{
	LP_AUTO(lp_fd_close) int fs = -1;

	return open_context(&fs, err);
}

enum lp_code lp_kernel_mount(struct lp_kernel *k, const struct lp_kernel_setup *s, int *mount,
			     struct lp_err *err)
{
	LP_AUTO(lp_fd_close) int fs = -1;
	struct newer newer = {.k = k};
	int made;

	memset(k, 0, sizeof(*k));
	if (strlen(s->source) > SOURCE_MAX)
		return lp_fail(err, LP_EUNSUP, LP_NO_OFFSET, NULL, "%.60s... is too long a path",
			       s->source);
	if (open_context(&fs, err))
		return err->code;
	list(find_last, &newer.than);
	if (configure(fs, s, err))
		return err->code;
	/* Whoever can reach the directory must not get a stranger's setuid files and devices. */
	made = fsmount(fs, FSMOUNT_CLOEXEC,
		       MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV);
	if (made < 0)
		return lp_fail_errno(err, "mount EROFS");
	list(take_newer, &newer);
	if (!newer.n) {
		close(made);
		return lp_fail(err, LP_EUNSUP, LP_NO_OFFSET, NULL,
			       "the mount is not listed in " BDI);
	}
	*mount = made;
	return LP_OK;
}

bool lp_kernel_alive(const struct lp_kernel *k)
{
	char path[sizeof(BDI) + sizeof(k->name[0]) + 1];

	for (size_t i = 0; i < LP_KERNEL_NAMES && *k->name[i]; i++) {
		snprintf(path, sizeof(path), BDI "/%s", k->name[i]);
		if (!access(path, F_OK))
			return true;
	}
	return false;
}

int lp_kernel_watch(void)
{
	const struct sockaddr_nl a = {.nl_family = AF_NETLINK, .nl_groups = 1};
	int fd = socket(AF_NETLINK, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK,
			NETLINK_KOBJECT_UEVENT);

	if (fd >= 0 && bind(fd, (const struct sockaddr *)&a, sizeof(a))) {
		close(fd);
		return -1;
	}
	return fd;
}

/* Only that something happened counts; what was lost in an overflow is looked at as well. */
void lp_kernel_drain(int watch)
{
	char event[4096];

	while (recv(watch, event, sizeof(event), MSG_DONTWAIT) > 0 || errno == ENOBUFS)
		;
}
