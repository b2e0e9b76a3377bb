/* SPDX-License-Identifier: MIT */
/* load - recipes from files: gen_load() of gen.h, and the statement include. */
#ifndef GEN_LOAD_H
#define GEN_LOAD_H

#include "gen/run.h"

int gen_include(struct gen_run *r, struct gen_at *at);

#endif
