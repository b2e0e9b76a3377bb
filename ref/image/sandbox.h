/* SPDX-License-Identifier: MIT */
/*
 * sandbox - what a process gives up before it looks at foreign metadata.
 *
 *	descriptors   all closed but the ones named
 *	privileges    no new ones; dies with its parent; no core file
 *	files         Landlock: none, or what lies beneath one directory
 *	system calls  seccomp: memory, the descriptors it has, threads where wanted
 *	memory        RLIMIT_DATA
 *
 * Landlock and seccomp are used where the kernel has them; nothing here can be undone.
 */
#ifndef LP_SANDBOX_H
#define LP_SANDBOX_H

#include "base/err.h"

#include <stdbool.h>
#include <stddef.h>

/* Bytes: design.md 7, 64 MiB + 256 per entry; a TOC of 150 MiB; room for buffers.
 * AddressSanitizer's shadow alone is 20 TB of address space, which RLIMIT_DATA would count. */
#if defined(__SANITIZE_ADDRESS__)
#define LP_SANDBOX_DATA_MAX RLIM_INFINITY
#else
#define LP_SANDBOX_DATA_MAX ((uint64_t)(64 + 1024 + 150 + 64) << 20)
#endif

struct lp_sandbox {
	const int *keep;	/* [nkeep] descriptors that stay open, beside stderr */
	size_t nkeep;
	int dir;		/* -1: no file system; else the directory it may write beneath, kept open */
	bool threads;		/* may start threads */
};

/* Enter, for good.  LP_ESYSTEM: something failed, and the process must not go on. */
LP_MUST_CHECK enum lp_code lp_sandbox_enter(const struct lp_sandbox *s, struct lp_err *err);

#endif
