// SPDX-License-Identifier: MIT
#include "image/sandbox.h"

#include <errno.h>
#include <linux/landlock.h>
#include <sched.h>
#include <seccomp.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

/* Calls on memory, time, signals and descriptors that are open already. */
static const int calls_always[] = {
	SCMP_SYS(read), SCMP_SYS(write), SCMP_SYS(readv), SCMP_SYS(writev), SCMP_SYS(pread64),
	SCMP_SYS(pwrite64), SCMP_SYS(lseek), SCMP_SYS(fstat), SCMP_SYS(newfstatat),
	SCMP_SYS(ftruncate), SCMP_SYS(fallocate), SCMP_SYS(fdatasync), SCMP_SYS(fsync),
	SCMP_SYS(close), SCMP_SYS(mmap), SCMP_SYS(munmap), SCMP_SYS(mremap), SCMP_SYS(mprotect),
	SCMP_SYS(madvise), SCMP_SYS(brk), SCMP_SYS(futex), SCMP_SYS(exit), SCMP_SYS(exit_group),
	SCMP_SYS(rt_sigreturn), SCMP_SYS(rt_sigprocmask), SCMP_SYS(rt_sigaction),
	SCMP_SYS(sigaltstack), SCMP_SYS(clock_gettime), SCMP_SYS(getrandom),
	SCMP_SYS(sched_yield), SCMP_SYS(gettid), SCMP_SYS(getpid), SCMP_SYS(tgkill),
	SCMP_SYS(poll), SCMP_SYS(ppoll), SCMP_SYS(recvfrom), SCMP_SYS(sendto),
	SCMP_SYS(recvmsg), SCMP_SYS(sendmsg), SCMP_SYS(restart_syscall), SCMP_SYS(rseq),
	SCMP_SYS(set_robust_list), SCMP_SYS(sched_getaffinity), SCMP_SYS(fcntl),
};

/* And, with a directory, calls that Landlock confines to it. */
static const int calls_files[] = {
	SCMP_SYS(openat), SCMP_SYS(openat2), SCMP_SYS(mkdirat), SCMP_SYS(mknodat),
	SCMP_SYS(symlinkat), SCMP_SYS(linkat), SCMP_SYS(unlinkat), SCMP_SYS(renameat),
	SCMP_SYS(renameat2), SCMP_SYS(fchown), SCMP_SYS(fchownat), SCMP_SYS(fchmod),
	SCMP_SYS(fchmodat), SCMP_SYS(utimensat), SCMP_SYS(setxattr), SCMP_SYS(lsetxattr),
	SCMP_SYS(fsetxattr), SCMP_SYS(getxattr), SCMP_SYS(lgetxattr), SCMP_SYS(fgetxattr),
	SCMP_SYS(removexattr), SCMP_SYS(lremovexattr), SCMP_SYS(fremovexattr),
	SCMP_SYS(getdents64), SCMP_SYS(readlinkat), SCMP_SYS(statx), SCMP_SYS(fchdir),
	SCMP_SYS(umask), SCMP_SYS(syncfs), SCMP_SYS(fstatfs), SCMP_SYS(dup),
};

#define THREAD_FLAGS (CLONE_VM | CLONE_FS | CLONE_FILES | CLONE_SIGHAND | CLONE_THREAD)

static bool kept(const struct lp_sandbox *s, int fd)
{
	if (fd == STDERR_FILENO || fd == s->dir)
		return true;
	for (size_t i = 0; i < s->nkeep; i++)
		if (s->keep[i] == fd)
			return true;
	return false;
}

static enum lp_code close_others(const struct lp_sandbox *s, struct lp_err *err)
{
	int last = STDERR_FILENO;

	for (size_t i = 0; i < s->nkeep; i++)
		last = s->keep[i] > last ? s->keep[i] : last;
	last = s->dir > last ? s->dir : last;
	for (int fd = 0; fd < last; fd++)
		if (!kept(s, fd))
			close(fd);
	if (syscall(SYS_close_range, (unsigned)last + 1, ~0u, 0))
		return lp_fail_errno(err, "close descriptors");
	return LP_OK;
}

static enum lp_code limit(struct lp_err *err)
{
	const struct rlimit core = {0, 0};
	const struct rlimit data = {LP_SANDBOX_DATA_MAX, LP_SANDBOX_DATA_MAX};

	if (prctl(PR_SET_PDEATHSIG, SIGKILL) || prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) ||
	    setrlimit(RLIMIT_CORE, &core) || setrlimit(RLIMIT_DATA, &data))
		return lp_fail_errno(err, "limit the parser");
	return LP_OK;
}

/* Every right of the kernel's Landlock version is handled, hence denied but beneath @dir. */
static enum lp_code confine_files(int dir, struct lp_err *err)
{
	long abi = syscall(SYS_landlock_create_ruleset, NULL, 0, LANDLOCK_CREATE_RULESET_VERSION);
	uint64_t all = LANDLOCK_ACCESS_FS_MAKE_SYM * 2 - 1; /* version 1: the bits up to this one */
	long set;
	int rc = 0;

	if (abi < 1)
		return LP_OK; /* this kernel has none: seccomp and openat2 have to do */
	if (abi >= 2)
		all |= LANDLOCK_ACCESS_FS_REFER;
	set = syscall(SYS_landlock_create_ruleset,
		      &(struct landlock_ruleset_attr){.handled_access_fs = all},
		      sizeof(struct landlock_ruleset_attr), 0);
	if (set < 0)
		return lp_fail_errno(err, "landlock");
	if (dir >= 0)
		rc = (int)syscall(SYS_landlock_add_rule, set, LANDLOCK_RULE_PATH_BENEATH,
				  &(struct landlock_path_beneath_attr){
					  .allowed_access = all & ~(uint64_t)LANDLOCK_ACCESS_FS_EXECUTE,
					  .parent_fd = dir},
				  0);
	rc = rc ? rc : (int)syscall(SYS_landlock_restrict_self, set, 0);
	if (rc)
		lp_fail_errno(err, "landlock");
	close((int)set);
	return rc ? err->code : LP_OK;
}

static int allow(scmp_filter_ctx c, const int *call, size_t n)
{
	int rc = 0;

	for (size_t i = 0; i < n && !rc; i++)
		rc = seccomp_rule_add(c, SCMP_ACT_ALLOW, call[i], 0);
	return rc;
}

static int allow_threads(scmp_filter_ctx c)
{
	/* clone3 hides its flags in memory: ENOSYS makes the C library use clone. */
	int rc = seccomp_rule_add(c, SCMP_ACT_ERRNO(ENOSYS), SCMP_SYS(clone3), 0);

	return rc ? rc
		  : seccomp_rule_add(c, SCMP_ACT_ALLOW, SCMP_SYS(clone), 1,
				     SCMP_A0(SCMP_CMP_MASKED_EQ, THREAD_FLAGS, THREAD_FLAGS));
}

static enum lp_code confine_calls(const struct lp_sandbox *s, struct lp_err *err)
{
	scmp_filter_ctx c = seccomp_init(SCMP_ACT_ERRNO(EPERM));
	int rc;

	if (!c)
		return lp_fail(err, LP_ESYSTEM, LP_NO_OFFSET, NULL, "seccomp: no memory");
	rc = allow(c, calls_always, COUNT(calls_always));
	if (!rc && s->dir >= 0)
		rc = allow(c, calls_files, COUNT(calls_files));
	if (!rc && s->threads)
		rc = allow_threads(c);
	rc = rc ? rc : seccomp_load(c);
	seccomp_release(c);
	if (rc && rc != -ENOSYS && rc != -EOPNOTSUPP) {
		errno = -rc;
		return lp_fail_errno(err, "seccomp");
	}
	return LP_OK;
}

enum lp_code lp_sandbox_enter(const struct lp_sandbox *s, struct lp_err *err)
{
	if (close_others(s, err) || limit(err) || confine_files(s->dir, err) ||
	    confine_calls(s, err))
		return lp_within(err, "sandbox");
	return LP_OK;
}
