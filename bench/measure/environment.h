/* SPDX-License-Identifier: MIT */
/*
 * environment - what a result depends on beside the code: the machine and its software.
 *
 * The lasting part makes the fingerprint, and results of different fingerprints are not
 * compared.  The passing part (load, free space, the commit) is kept beside the results.
 */
#ifndef LB_ENVIRONMENT_H
#define LB_ENVIRONMENT_H

#include "base/json.h"

#define LB_FINGERPRINT_TEXT 13		/* 12 hexadecimal digits and the NUL */

/*
 * lb_environment - the lasting part: kernel, processor, memory, file system, runtimes.
 *
 * @state        the directory whose file system holds stores
 * @fingerprint  SHA-256 of @out's text, cut
 */
LP_MUST_CHECK enum lp_code lb_environment(const char *state, json_t **out,
					  char fingerprint[static LB_FINGERPRINT_TEXT],
					  struct lp_err *err);

/* The passing part, and digests of our programs. */
LP_MUST_CHECK enum lp_code lb_environment_now(const char *state, const char *lazypull,
					      json_t **out, struct lp_err *err);

/* Programs of others in @directory: the SHA-256 of each, and what containerd calls itself. */
json_t *lb_environment_peers(const char *directory);

/* The commit of the source ("0123456789ab", "-dirty" behind it), or "unknown". */
#define LB_COMMIT_TEXT 32
void lb_commit(char out[static LB_COMMIT_TEXT]);

/* The "some" total of /proc/pressure/cpu in us; 0 where there is none. */
uint64_t lb_pressure_us(void);

#endif
