// SPDX-License-Identifier: MIT
#include "gen/statement.h"

#include "gen/block.h"
#include "gen/emit.h"
#include "gen/expr.h"
#include "gen/field.h"
#include "gen/load.h"
#include "gen/macro.h"
#include "gen/vector.h"

#include <string.h>

#define ANYWHERE (GEN_IN_FILE | GEN_IN_VECTOR | GEN_IN_BYTES)
#define IN_BLOCK (GEN_IN_VECTOR | GEN_IN_BYTES)

static const struct gen_statement statements[] = {
	{"include", GEN_IN_FILE, gen_include},
	{"def", GEN_IN_FILE, gen_macro_def},
	{"vector", GEN_IN_FILE, gen_vector_make},
	{"family", GEN_IN_FILE, gen_vector_family},
	{"let", ANYWHERE, gen_let},
	{"set", IN_BLOCK, gen_set_value},
	{"export", IN_BLOCK, gen_export},
	{"bytes", ANYWHERE, gen_bytes_named},
	{"if", IN_BLOCK, gen_if},
	{"for", IN_BLOCK, gen_for},
	{"fail", IN_BLOCK, gen_fail_asked},
	{"put", GEN_IN_BYTES, gen_emit_put},
	{"text", GEN_IN_BYTES, gen_emit_put},
	{"hex", GEN_IN_BYTES, gen_emit_hex},
	{"lines", GEN_IN_BYTES, gen_emit_lines},
	{"u8", GEN_IN_BYTES, gen_emit_u8},
	{"le16", GEN_IN_BYTES, gen_emit_le16},
	{"le32", GEN_IN_BYTES, gen_emit_le32},
	{"le64", GEN_IN_BYTES, gen_emit_le64},
	{"be16", GEN_IN_BYTES, gen_emit_be16},
	{"be32", GEN_IN_BYTES, gen_emit_be32},
	{"be64", GEN_IN_BYTES, gen_emit_be64},
	{"zero", GEN_IN_BYTES, gen_emit_zero},
	{"fill", GEN_IN_BYTES, gen_emit_fill},
	{"align", GEN_IN_BYTES, gen_emit_align},
	{"patch", GEN_IN_BYTES, gen_emit_patch},
	{"cut", GEN_IN_BYTES, gen_emit_cut},
	{"keep", GEN_IN_BYTES, gen_emit_keep},
	{"title", GEN_IN_VECTOR, gen_field_title},
	{"format", GEN_IN_VECTOR, gen_field_format},
	{"op", GEN_IN_VECTOR, gen_field_op},
	{"clause", GEN_IN_VECTOR, gen_field_clause},
	{"code", GEN_IN_VECTOR, gen_field_code},
	{"base", GEN_IN_VECTOR, gen_field_base},
	{"delta", GEN_IN_VECTOR, gen_field_delta},
	{"profile", GEN_IN_VECTOR, gen_field_profile},
	{"feature", GEN_IN_VECTOR, gen_field_feature},
	{"flag", GEN_IN_VECTOR, gen_field_flag},
	{"arg", GEN_IN_VECTOR, gen_field_arg},
	{"limit", GEN_IN_VECTOR, gen_field_limit},
	{"input", GEN_IN_VECTOR, gen_field_input},
	{"expect", GEN_IN_VECTOR, gen_field_expect},
	{"tree", GEN_IN_VECTOR, gen_field_tree},
};

const struct gen_statement *gen_statement_find(const char *name)
{
	for (size_t i = 0; i < sizeof(statements) / sizeof(statements[0]); i++)
		if (!strcmp(statements[i].name, name))
			return &statements[i];
	return NULL;
}

int gen_statement(struct gen_run *r, struct gen_at *at)
{
	static const char *const names[] = {
		[GEN_IN_FILE] = "outside of blocks",
		[GEN_IN_VECTOR] = "in a vector outside of its inputs",
		[GEN_IN_BYTES] = "in a block of bytes",
	};
	unsigned where = r->out ? GEN_IN_BYTES : r->draft ? GEN_IN_VECTOR : GEN_IN_FILE;
	struct gen_name *name;

	if (gen_step(r, at, 0))
		return -1;
	if (gen_token(at)->kind == GEN_WORD && gen_token(at)->name->macro &&
	    gen_token(at)[1].op == '(') {
		if (where == GEN_IN_FILE)
			return gen_fail(r, at, "a macro is not called %s", names[where]);
		if (gen_macro_call(r, at))
			return -1;
	} else {
		name = gen_take_name(r, at);
		if (!name)
			return -1;
		at->i--;
		if (!name->statement)
			return gen_fail(r, at, "there is no statement nor macro %s", name->text);
		if (!(name->statement->where & where))
			return gen_fail(r, at, "%s does not stand %s", name->text, names[where]);
		at->i++;
		if (name->statement->run(r, at))
			return -1;
	}
	if (gen_token(at)->kind != GEN_LINE && !gen_at_op(at, '}'))
		return gen_fail(r, at, "more on the line than the statement takes");
	return 0;
}
