/* SPDX-License-Identifier: MIT */
/* emit - the statements that make bytes, or change those of their block. */
#ifndef GEN_EMIT_H
#define GEN_EMIT_H

#include "gen/run.h"

int gen_emit_put(struct gen_run *r, struct gen_at *at);
int gen_emit_hex(struct gen_run *r, struct gen_at *at);
int gen_emit_lines(struct gen_run *r, struct gen_at *at);
int gen_emit_u8(struct gen_run *r, struct gen_at *at);
int gen_emit_le16(struct gen_run *r, struct gen_at *at);
int gen_emit_le32(struct gen_run *r, struct gen_at *at);
int gen_emit_le64(struct gen_run *r, struct gen_at *at);
int gen_emit_be16(struct gen_run *r, struct gen_at *at);
int gen_emit_be32(struct gen_run *r, struct gen_at *at);
int gen_emit_be64(struct gen_run *r, struct gen_at *at);
int gen_emit_zero(struct gen_run *r, struct gen_at *at);
int gen_emit_fill(struct gen_run *r, struct gen_at *at);
int gen_emit_align(struct gen_run *r, struct gen_at *at);
int gen_emit_patch(struct gen_run *r, struct gen_at *at);
int gen_emit_cut(struct gen_run *r, struct gen_at *at);
int gen_emit_keep(struct gen_run *r, struct gen_at *at);

#endif
