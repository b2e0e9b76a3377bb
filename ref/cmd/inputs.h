/* SPDX-License-Identifier: MIT */
/*
 * inputs - the files of a request, mapped, and what is claimed of them.
 *
 *	ROLE_size      what a descriptor or a registry says: compared with the file's
 *	ROLE_digest    the same; it is also the name by which metadata knows a blob
 *
 * For the first input they are called size and digest.
 */
#ifndef LP_INPUTS_H
#define LP_INPUTS_H

#include "cmd/ask.h"
#include "image/whole.h"

/* {0} is valid and empty. */
struct lp_inputs {
	struct lp_whole_blob blob[LP_ASK_INPUTS];	/* digests are the claimed ones */
	struct lp_map map[LP_ASK_INPUTS];
	size_t n;
};

/*
 * lp_inputs_open - map them, compare sizes and digests.
 *
 * @rule  the clause of a digest that differs
 *
 * LP_EDIGEST @rule; LP_EFORMAT oci.descriptor.size, oci.descriptor.digest; LP_EUNSUP
 * LP_ESYSTEM, LP_EUSAGE: a file cannot be read, a number is none
 */
LP_MUST_CHECK enum lp_code lp_inputs_open(struct lp_inputs *in, const struct lp_ask *a,
					  const char *rule, struct lp_err *err);
void lp_inputs_free(struct lp_inputs *in);

#endif
