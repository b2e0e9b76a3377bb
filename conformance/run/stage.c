// SPDX-License-Identifier: MIT
#include "run/stage.h"

#include <stdlib.h>
#include <string.h>

#define VALUE_MAX ((size_t)64 << 10)	/* bytes of an argument, ours */

static char ca_role[] = "ca";

enum lp_code lc_stage_open(struct lc_stage *s, const struct gen_vector *v, struct lp_err *err)
{
	*s = (struct lc_stage){.boxed = *v, .asked = *v};
	s->boxed.ninput = s->asked.ninput = 0;
	s->asked.arg = calloc(v->narg + 1, sizeof(*s->asked.arg));
	s->value = calloc(v->narg + 1, sizeof(*s->value));
	if (!s->asked.arg || !s->value)
		return lp_fail_errno(err, "arguments");
	memcpy(s->asked.arg, v->arg, v->narg * sizeof(*v->arg));
	if (lc_server_open(&s->server, v, err))
		return err->code;
	s->ca = (struct gen_input){ca_role, s->server.pem.p, s->server.pem.len};
	s->boxed.input = &s->ca;
	s->boxed.ninput = s->ca.n > 0;
	return LP_OK;
}

/* @text with {ca} as the file in @box, then the rest. */
static enum lp_code fill(const struct lc_stage *s, const char *text, const char *box,
			 struct lp_buf *out, struct lp_err *err)
{
	if (!strcmp(text, "{ca}")) {
		if (lp_buf_add(out, box, strlen(box), VALUE_MAX, err) ||
		    lp_buf_add(out, "/in/ca", 6, VALUE_MAX, err))
			return err->code;
	} else if (lc_values_fill(&s->server.values, text, out, err)) {
		return err->code;
	}
	return lp_buf_add(out, "", 1, VALUE_MAX, err);
}

enum lp_code lc_stage_fill(struct lc_stage *s, const char *box, struct lp_err *err)
{
	for (size_t i = 0; i < s->asked.narg; i++) {
		if (fill(s, s->asked.arg[i].value, box, &s->value[i], err))
			return err->code;
		s->asked.arg[i].value = (char *)s->value[i].p;
		s->asked.arg[i].n = s->value[i].len - 1;
	}
	return LP_OK;
}

enum lp_code lc_stage_end(struct lc_stage *s, char *why, size_t room, struct lp_err *err)
{
	lc_server_end(&s->server);
	if (s->server.err.code) {
		*err = s->server.err;
		return lp_within(err, "server");
	}
	lc_traffic_judge(&s->server.traffic, &s->server.script, why, room);
	return LP_OK;
}

void lc_stage_free(struct lc_stage *s)
{
	lc_server_free(&s->server);
	for (size_t i = 0; s->value && i < s->asked.narg; i++)
		lp_buf_free(&s->value[i]);
	free(s->value);
	free(s->asked.arg);
	*s = (struct lc_stage){.value = NULL};
}
