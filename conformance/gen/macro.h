/* SPDX-License-Identifier: MIT */
/* macro - def NAME(a, b=1) { }: it runs where it is called, and sees only its own names. */
#ifndef GEN_MACRO_H
#define GEN_MACRO_H

#include "gen/run.h"

int gen_macro_def(struct gen_run *r, struct gen_at *at);

/* gen_macro_call - @at is at the macro's name. */
int gen_macro_call(struct gen_run *r, struct gen_at *at);

#endif
