/* SPDX-License-Identifier: MIT */
/*
 * userns - the user namespace that this process lives in.
 */
#ifndef LP_USERNS_H
#define LP_USERNS_H

#include <stdint.h>

/* Its number; 0: it is the machine's first one, or /proc does not say. */
uint32_t lp_userns(void);

#endif
