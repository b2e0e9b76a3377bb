/* SPDX-License-Identifier: MIT */
/*
 * pins - the list of a release: "ID SIZE SHA256" a line, sorted by id.
 *
 * The digest is gen_vector.sha256.  A vector whose bytes change is another vector: the list says so
 * before anybody runs it.
 */
#ifndef LC_PINS_H
#define LC_PINS_H

#include "base/err.h"
#include "gen/gen.h"

#define LC_LIST "conformance/lists/v1.0.list"

/* lc_pins_write - @set, which is all vectors, as the list @path. */
LP_MUST_CHECK enum lp_code lc_pins_write(const struct gen_set *set, const char *path,
					 struct lp_err *err);

/*
 * lc_pins_check - print each id of which @set and the list @path differ to stdout.
 *
 * @all        @set is all vectors: an id of the list that is not in it differs too
 * @different  out: how many
 *
 * LP_EUSAGE  the list is not one
 */
LP_MUST_CHECK enum lp_code lc_pins_check(const struct gen_set *set, const char *path, bool all,
					 size_t *different, struct lp_err *err);

#endif
