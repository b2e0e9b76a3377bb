// SPDX-License-Identifier: MIT
#include "registry/journal.h"

#include "base/file.h"
#include "base/json.h"

#include <inttypes.h>
#include <stdio.h>

#define LINE_MAX_BYTES ((size_t)1 << 20)	/* a request line and a Range header fit in less */

static json_t *text(const char *s)
{
	json_t *j = s ? json_string(s) : json_null();

	return j ? j : json_string("(not UTF-8)");
}

static json_t *object(const struct lb_journal_line *l)
{
	return json_pack("{s:I, s:I, s:b, s:I, s:I, s:o, s:o, s:o, s:o, s:o, s:I, s:I, s:i}",
			 "begin_ns", (json_int_t)l->begin_ns,
			 "body_bytes", (json_int_t)l->body_bytes,
			 "complete", l->complete,
			 "connection", (json_int_t)l->connection,
			 "end_ns", (json_int_t)l->end_ns,
			 "kind", text(l->kind),
			 "method", text(l->method),
			 "name", text(l->name),
			 "path", text(l->path),
			 "range", text(l->range),
			 "received_bytes", (json_int_t)l->received_bytes,
			 "sent_bytes", (json_int_t)l->sent_bytes,
			 "status", (int)l->status);
}

void lb_journal_write(const struct lb_journal *j, const struct lb_journal_line *line)
{
	LP_AUTO(lp_json_free) json_t *o = NULL;
	LP_AUTO(lp_buf_free) struct lp_buf b = {0};
	struct lp_err err;

	if (j->fd < 0)
		return;
	o = object(line);
	/* A line that is lost shows as a request without one: lazybench counts both sides. */
	if (!o || lp_json_print(o, &b, LINE_MAX_BYTES, &err) ||
	    lp_buf_add(&b, "\n", 1, LINE_MAX_BYTES, &err) ||
	    lp_file_write(j->fd, b.p, b.len, &err))
		fprintf(stderr, "lazybench: a line of the registry's log is lost\n");
}
