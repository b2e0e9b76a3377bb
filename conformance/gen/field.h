/* SPDX-License-Identifier: MIT */
/* field - the statements that say what a vector is; they fill in the one that is being made. */
#ifndef GEN_FIELD_H
#define GEN_FIELD_H

#include "gen/run.h"

int gen_field_title(struct gen_run *r, struct gen_at *at);
int gen_field_format(struct gen_run *r, struct gen_at *at);
int gen_field_op(struct gen_run *r, struct gen_at *at);
int gen_field_clause(struct gen_run *r, struct gen_at *at);
int gen_field_code(struct gen_run *r, struct gen_at *at);
int gen_field_base(struct gen_run *r, struct gen_at *at);
int gen_field_delta(struct gen_run *r, struct gen_at *at);
int gen_field_profile(struct gen_run *r, struct gen_at *at);
int gen_field_feature(struct gen_run *r, struct gen_at *at);
int gen_field_flag(struct gen_run *r, struct gen_at *at);
int gen_field_arg(struct gen_run *r, struct gen_at *at);
int gen_field_limit(struct gen_run *r, struct gen_at *at);
int gen_field_input(struct gen_run *r, struct gen_at *at);
int gen_field_expect(struct gen_run *r, struct gen_at *at);
int gen_field_tree(struct gen_run *r, struct gen_at *at);

/* gen_word - a word as it stands, or a string, as text; NULL: @r has failed. */
char *gen_word(struct gen_run *r, struct gen_at *at);

#endif
