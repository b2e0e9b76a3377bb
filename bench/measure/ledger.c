// SPDX-License-Identifier: MIT
#include "measure/ledger.h"

#include "base/file.h"
#include "base/json.h"

#include <fcntl.h>
#include <string.h>

#define READ_MAX ((size_t)256 << 20)	/* bytes of log of one run, ours */
#define CONNECTIONS 1024		/* told apart, ours */

const char *lb_phase_word(enum lb_phase p)
{
	static const char *const words[] = {"pull", "create", "run", "after"};

	return words[p];
}

static enum lp_code load(const char *path, uint64_t off, struct lp_buf *out, struct lp_err *err)
{
	LP_AUTO(lp_fd_close) int fd = open(path, O_RDONLY | O_CLOEXEC);
	uint64_t bytes;

	if (fd < 0)
		return lp_fail_errno(err, "open %s", path);
	if (lp_file_bytes(fd, &bytes, err))
		return err->code;
	if (bytes <= off)
		return LP_OK;
	if (lp_buf_reserve(out, (size_t)(bytes - off), READ_MAX, err) ||
	    lp_file_pread(fd, off, out->p, (size_t)(bytes - off), err))
		return err->code;
	out->len = (size_t)(bytes - off);
	return LP_OK;
}

static uint64_t number(const json_t *o, const char *key)
{
	return (uint64_t)json_integer_value(json_object_get(o, key));
}

static enum lb_phase phase_of(uint64_t ns, const uint64_t *ends)
{
	for (int p = LB_PULL; p < LB_AFTER; p++)
		if (ns < ends[p])
			return (enum lb_phase)p;
	return LB_AFTER;
}

/* The connections of a run are few and their numbers grow. */
struct seen {
	uint64_t id[CONNECTIONS];
	size_t n;
};

static void count_connection(struct seen *s, uint64_t id)
{
	for (size_t i = 0; i < s->n; i++)
		if (s->id[i] == id)
			return;
	if (s->n < CONNECTIONS)
		s->id[s->n++] = id;
}

static void count(const json_t *line, const uint64_t *ends, struct lb_ledger *out)
{
	enum lb_phase p = phase_of(number(line, "begin_ns"), ends);
	const char *kind = json_string_value(json_object_get(line, "kind"));
	uint64_t bytes = number(line, "body_bytes"), status = number(line, "status");

	out->phase[p].requests++;
	out->phase[p].body_bytes += bytes;
	if (kind && (!strcmp(kind, "blob") || !strcmp(kind, "storage")))
		out->blob_bytes += bytes;
	out->failed += status >= 400 && status != 401;
	out->cut += !json_is_true(json_object_get(line, "complete"));
}

enum lp_code lb_ledger_read(const char *path, uint64_t *off,
			    const uint64_t ends[static LB_PHASES - 1], struct lb_ledger *out,
			    struct lp_err *err)
{
	LP_AUTO(lp_buf_free) struct lp_buf text = {0};
	struct seen seen = {.n = 0};
	size_t at = 0;

	memset(out, 0, sizeof(*out));
	if (load(path, *off, &text, err))
		return err->code;
	while (at < text.len) {
		const char *line = (const char *)text.p + at;
		const char *end = memchr(line, '\n', text.len - at);
		LP_AUTO(lp_json_free) json_t *o = NULL;

		if (!end)
			break;
		if (lp_json_parse(line, (size_t)(end - line), NULL, &o, err))
			return lp_within(err, "%s", path);
		count(o, ends, out);
		count_connection(&seen, number(o, "connection"));
		at += (size_t)(end - line) + 1;
	}
	out->connections = seen.n;
	*off += at;
	return LP_OK;
}
