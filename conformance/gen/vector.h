/* SPDX-License-Identifier: MIT */
/* vector - vector ID { } and family ID for ... { }: one test, or one for each value. */
#ifndef GEN_VECTOR_H
#define GEN_VECTOR_H

#include "gen/run.h"

int gen_vector_make(struct gen_run *r, struct gen_at *at);
int gen_vector_family(struct gen_run *r, struct gen_at *at);

/* gen_vector_check - sort @set, and check what its vectors say of one another. */
int gen_vector_check(struct gen_set *set, char *error, size_t room);

#endif
