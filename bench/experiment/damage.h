/* SPDX-License-Identifier: MIT */
/*
 * damage - what happens to a store while nobody is behind it.
 */
#ifndef LB_DAMAGE_H
#define LB_DAMAGE_H

#include "base/err.h"

/* Change a byte in every 64 KiB of each device. */
LP_MUST_CHECK enum lp_code lb_damage_data(const char *store, struct lp_err *err);

/*
 * The machine starts again, and the records of what is ready are torn: the first device's has
 * a flipped bit, the next one's is cut, and so on.
 */
LP_MUST_CHECK enum lp_code lb_damage_records(const char *store, struct lp_err *err);

#endif
