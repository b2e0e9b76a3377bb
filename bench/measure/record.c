// SPDX-License-Identifier: MIT
#include "measure/record.h"

#include "base/file.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define LINE_MAX_BYTES ((size_t)1 << 20)	/* ours */
#define FILE_MAX_BYTES ((size_t)1 << 30)	/* ours */

/* A line without an end was cut off by a crash; what comes next must not be glued to it. */
static enum lp_code drop_half_line(int fd, struct lp_err *err)
{
	uint64_t bytes;
	char c = '\n';

	if (lp_file_bytes(fd, &bytes, err))
		return err->code;
	while (bytes && pread(fd, &c, 1, (off_t)bytes - 1) == 1 && c != '\n')
		bytes--;
	return ftruncate(fd, (off_t)bytes) ? lp_fail_errno(err, "truncate") : LP_OK;
}

enum lp_code lb_record_open(struct lb_record *r, const char *path, struct lp_err *err)
{
	snprintf(r->path, sizeof(r->path), "%s", path);
	r->fd = open(path, O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC, 0666);
	if (r->fd < 0)
		return lp_fail_errno(err, "open %s", path);
	return drop_half_line(r->fd, err) ? lp_within(err, "%s", path) : LP_OK;
}

void lb_record_free(struct lb_record *r)
{
	lp_fd_close(&r->fd);
}

enum lp_code lb_record_add(struct lb_record *r, json_t *line, struct lp_err *err)
{
	LP_AUTO(lp_json_free) json_t *own = line;
	LP_AUTO(lp_buf_free) struct lp_buf text = {0};

	if (!own)
		return lp_fail(err, LP_ESYSTEM, LP_NO_OFFSET, NULL, "memory ran out");
	if (lp_json_print(own, &text, LINE_MAX_BYTES, err) ||
	    lp_buf_add(&text, "\n", 1, LINE_MAX_BYTES + 1, err) ||
	    lp_file_write(r->fd, text.p, text.len, err))
		return lp_within(err, "%s", r->path);
	if (fdatasync(r->fd))
		return lp_fail_errno(err, "sync %s", r->path);
	return LP_OK;
}

static enum lp_code parse_lines(const struct lp_buf *text, json_t *list, struct lp_err *err)
{
	for (size_t at = 0; at < text->len;) {
		const char *line = (const char *)text->p + at;
		const char *end = memchr(line, '\n', text->len - at);
		json_t *o;

		/* The last line of a session that was cut off. */
		if (!end)
			break;
		if (lp_json_parse(line, (size_t)(end - line), NULL, &o, err))
			return err->code;
		if (json_array_append_new(list, o))
			return lp_fail(err, LP_ESYSTEM, LP_NO_OFFSET, NULL, "memory ran out");
		at += (size_t)(end - line) + 1;
	}
	if (strcmp(lb_word(json_array_get(list, 0), "kind"), "session") != 0)
		return lp_fail(err, LP_EFORMAT, LP_NO_OFFSET, NULL,
			       "does not begin with a session of lazybench");
	return LP_OK;
}

enum lp_code lb_record_load(const char *path, json_t **out, struct lp_err *err)
{
	LP_AUTO(lp_json_free) json_t *list = json_array();
	LP_AUTO(lp_buf_free) struct lp_buf text = {0};

	*out = NULL;
	if (!list)
		return lp_fail(err, LP_ESYSTEM, LP_NO_OFFSET, NULL, "memory ran out");
	if (lp_file_load(AT_FDCWD, path, FILE_MAX_BYTES, &text, err))
		return err->code;
	if (parse_lines(&text, list, err))
		return lp_within(err, "%s", path);
	*out = json_incref(list);
	return LP_OK;
}

uint64_t lb_number(const json_t *o, const char *key)
{
	return (uint64_t)json_integer_value(json_object_get(o, key));
}

const char *lb_word(const json_t *o, const char *key)
{
	const char *s = json_string_value(json_object_get(o, key));

	return s ? s : "";
}

void lb_set_number(json_t *o, const char *key, uint64_t value)
{
	json_object_set_new(o, key, json_integer((json_int_t)value));
}

void lb_set_word(json_t *o, const char *key, const char *value)
{
	json_object_set_new(o, key, value ? json_string(value) : json_null());
}
