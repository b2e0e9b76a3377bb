// SPDX-License-Identifier: MIT
#include "run/reply.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void lc_reply_free(struct lc_reply *r)
{
	lp_buf_free(&r->bytes);
}

static enum lp_code add(struct lp_buf *b, const void *p, size_t n, struct lp_err *err)
{
	return lp_buf_add(b, p, n, LC_REPLY_MAX, err);
}

static enum lp_code add_line(struct lp_buf *b, const char *front, const char *text,
			     const struct lc_values *v, struct lp_err *err)
{
	return add(b, front, strlen(front), err) || lc_values_fill(v, text, b, err) ||
	       add(b, "\r\n", 2, err) ? err->code : LP_OK;
}

/* The value that @text, behind its brace, names; its length there, or 0. */
static size_t find_value(const struct lc_values *v, const char *text, char out[LC_AUTHORITY])
{
	const struct {
		const char *name;
		uint64_t value;
	} numbers[] = {{"from", v->from}, {"to", v->to}, {"size", v->size}, {"len", v->len}};
	size_t n = strcspn(text, "+-}");
	long long more = 0;
	char *end = NULL;

	if (n == 1 && text[1] == '}' && text[0] >= 'A' && text[0] < 'A' + LC_HOSTS) {
		memcpy(out, v->authority[text[0] - 'A'], LC_AUTHORITY);
		return 2;
	}
	for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++) {
		if (strlen(numbers[i].name) != n || strncmp(text, numbers[i].name, n) != 0)
			continue;
		if (text[n] != '}')
			more = strtoll(text + n, &end, 10);
		end = end ? end : (char *)(uintptr_t)text + n;
		if (*end != '}')
			return 0;
		snprintf(out, LC_AUTHORITY, "%" PRIu64, numbers[i].value + (uint64_t)more);
		return (size_t)(end - text) + 1;
	}
	return 0;
}

enum lp_code lc_values_fill(const struct lc_values *v, const char *text, struct lp_buf *out,
			    struct lp_err *err)
{
	char value[LC_AUTHORITY];
	size_t n;

	while (*text) {
		n = *text == '{' ? find_value(v, text + 1, value) : 0;
		if (n ? add(out, value, strlen(value), err) : add(out, text, 1, err))
			return err->code;
		text += n + 1;
	}
	return LP_OK;
}

/* A reply in the making. */
struct making {
	const struct lc_script *s;
	const struct lc_rule *r;
	const struct lc_request *q;
	struct lc_values *values;
	struct lc_reply *out;
	const struct gen_input *of;	/* or NULL: nothing */
	struct lp_buf body;
	uint64_t send;			/* bytes of the body that are sent */
	const char *length;		/* as it is told; NULL: as it is */
	const char *chunked;		/* NULL: not */
	bool open;			/* the head has no end */
};

static enum lp_code find_input(struct making *m, struct lp_err *err)
{
	const struct gen_vector *v = m->q->of;
	const struct lc_step *t = m->s->step + m->r->first;
	const char *name = NULL;

	for (size_t i = 0; i < m->r->nstep; i++)
		if (t[i].verb == LC_OF)
			name = t[i].text;
	for (size_t i = 0; i < v->ninput && !m->of; i++)
		if (!strcmp(v->input[i].role, name ? name : "blob"))
			m->of = &v->input[i];
	m->values->size = m->of ? m->of->n : 0;
	return m->of || !name ? LP_OK : lp_fail(err, LP_EFORMAT, LP_NO_OFFSET, NULL,
						"no input %s", name);
}

/* The range that is asked for, inside of what there is; all of it, if none is. */
static void find_range(struct making *m)
{
	struct lc_values *v = m->values;
	uint64_t last = v->size ? v->size - 1 : 0;
	char text[128], *end;

	v->from = 0;
	v->to = last;
	if (!lc_head_field(m->q->head, "Range", text, sizeof(text)) || strncmp(text, "bytes=", 6))
		return;
	if (text[6] == '-') { /* the last N bytes */
		uint64_t n = strtoull(text + 7, NULL, 10);

		v->from = v->size - (v->size < n ? v->size : n);
	} else {
		v->from = strtoull(text + 6, &end, 10);
		if (*end == '-' && end[1] >= '0' && end[1] <= '9')
			v->to = strtoull(end + 1, NULL, 10);
	}
	v->from = v->from < v->size ? v->from : v->size;
	v->to = v->to < last ? v->to : last;
	v->to = v->to < v->from ? v->from : v->to;
}

static enum lp_code add_zeros(struct lp_buf *b, uint64_t n, uint8_t byte, struct lp_err *err)
{
	if (n > LC_REPLY_MAX)
		return lp_fail(err, LP_ELIMIT, LP_NO_OFFSET, NULL, "%" PRIu64 " bytes", n);
	if (lp_buf_reserve(b, (size_t)n, LC_REPLY_MAX, err))
		return err->code;
	memset(b->p + b->len, byte, (size_t)n);
	b->len += (size_t)n;
	return LP_OK;
}

/* Bytes [@off, @off + @n) of the input; what lies outside of it is zeros. */
static enum lp_code add_part(struct making *m, int64_t off, int64_t n, struct lp_err *err)
{
	int64_t size = m->of ? (int64_t)m->of->n : 0, from = off < 0 ? 0 : off, end;

	if (n <= 0)
		return LP_OK;
	if (n > (int64_t)LC_REPLY_MAX || off > size || off < -n)
		return add_zeros(&m->body, (uint64_t)n, 0, err);
	end = off + n < size ? off + n : size;
	if (add_zeros(&m->body, (uint64_t)(from - off), 0, err) ||
	    (end > from && add(&m->body, m->of->p + from, (size_t)(end - from), err)))
		return err->code;
	end = end > from ? end : from;
	return add_zeros(&m->body, (uint64_t)(off + n - end), 0, err);
}

/* Text with \r \n \\ in it. */
static enum lp_code add_text(struct making *m, const char *text, struct lp_err *err)
{
	LP_AUTO(lp_buf_free) struct lp_buf line = {0};

	if (lc_values_fill(m->values, text, &line, err))
		return err->code;
	for (size_t i = 0; i < line.len; i++) {
		char c = (char)line.p[i];

		if (c == '\\' && i + 1 < line.len) {
			c = (char)line.p[++i];
			c = c == 'n' ? '\n' : c == 'r' ? '\r' : c;
		}
		if (add(&m->body, &c, 1, err))
			return err->code;
	}
	return LP_OK;
}

static enum lp_code body_step(struct making *m, const struct lc_step *t, struct lp_err *err)
{
	const struct lc_values *v = m->values;

	switch (t->verb) {
	case LC_SLICE:
		return add_part(m, (int64_t)v->from + t->n[0],
				v->size ? (int64_t)(v->to - v->from) + 1 + t->n[1] : t->n[1], err);
	case LC_WHOLE:
		return add_part(m, 0, (int64_t)v->size, err);
	case LC_PART:
		return add_part(m, t->n[0], t->n[1], err);
	case LC_ZEROS:
		return add_zeros(&m->body, (uint64_t)t->n[0], 0, err);
	case LC_TEXT:
		return add_text(m, t->text, err);
	case LC_FLIP:
		if ((uint64_t)t->n[0] < m->body.len)
			m->body.p[t->n[0]] ^= 1;
		return LP_OK;
	default:
		return LP_OK;
	}
}

/* What changes how the body is sent. */
static void manner_step(struct making *m, const struct lc_step *t)
{
	struct lc_reply *out = m->out;

	switch (t->verb) {
	case LC_CUT:
		m->send = (uint64_t)t->n[0];
		break;
	case LC_LENGTH:
		m->length = t->text;
		break;
	case LC_CHUNKED:
		m->chunked = t->text;
		break;
	case LC_OPEN:
		m->open = true;
		break;
	case LC_DRIP:
		out->rate = (uint64_t)t->n[0];
		out->quick = (uint64_t)t->n[1];
		break;
	case LC_KEEP:
	case LC_CLOSE:
	case LC_RESET:
	case LC_STALL:
	case LC_POUR:
		out->then = t->verb;
		out->flood = t->text;
		break;
	default:
		break;
	}
}

static enum lp_code head_step(struct making *m, const struct lc_step *t, struct lp_err *err)
{
	struct lp_buf *b = &m->out->bytes;

	switch (t->verb) {
	case LC_HEADER:
		return add_line(b, "", t->text, m->values, err);
	case LC_REPEAT:
		for (int64_t i = 0; i < t->n[0]; i++)
			if (add_line(b, "", t->text, m->values, err))
				return err->code;
		return LP_OK;
	case LC_FILL:
		if (add(b, "X-Fill: ", 8, err) || add_zeros(b, (uint64_t)t->n[0], 'x', err) ||
		    add(b, "\r\n", 2, err))
			return err->code;
		return LP_OK;
	default:
		return LP_OK;
	}
}

/* Interim answers, and the first line. */
static enum lp_code begin(struct making *m, struct lp_err *err)
{
	const struct lc_step *t = m->s->step + m->r->first;
	const char *front = "HTTP/1.1 ", *line = "200 OK";
	struct lp_buf *b = &m->out->bytes;

	for (size_t i = 0; i < m->r->nstep; i++) {
		for (int64_t k = 0; t[i].verb == LC_INTERIM && k < t[i].n[0]; k++)
			if (add_line(b, "HTTP/1.1 ", t[i].text, m->values, err) ||
			    add(b, "\r\n", 2, err))
				return err->code;
		if (t[i].verb == LC_STATUS || t[i].verb == LC_LINE_IS) {
			front = t[i].verb == LC_STATUS ? front : "";
			line = t[i].text;
		}
	}
	return add_line(b, front, line, m->values, err);
}

/* The head's end, and the body as it is sent. */
static enum lp_code finish(struct making *m, struct lp_err *err)
{
	struct lp_buf *b = &m->out->bytes;
	char size[32];
	bool head = !strcmp(m->q->method, "HEAD");
	size_t n = m->send < m->body.len ? (size_t)m->send : m->body.len;

	if (m->chunked) {
		if (add_line(b, "Transfer-Encoding: ", "chunked", m->values, err))
			return err->code;
	} else if (!m->open && (!m->length || strcmp(m->length, "none") != 0)) {
		if (add_line(b, "Content-Length: ", m->length ? m->length : "{len}", m->values, err))
			return err->code;
	}
	if (!m->open && add(b, "\r\n", 2, err))
		return err->code;
	m->out->head = b->len;
	if (head || m->open)
		return LP_OK;
	snprintf(size, sizeof(size), "%zx\r\n", m->body.len);
	if ((m->chunked && add(b, size, strlen(size), err)) || (n && add(b, m->body.p, n, err)) ||
	    (m->chunked && !strcmp(m->chunked, "end") && add(b, "\r\n0\r\n\r\n", 7, err)))
		return err->code;
	return LP_OK;
}

static void free_making(struct making *m)
{
	lp_buf_free(&m->body);
}

enum lp_code lc_reply_make(const struct lc_script *s, const struct lc_rule *r,
			   const struct lc_request *q, struct lc_values *values,
			   struct lc_reply *out, struct lp_err *err)
{
	LP_AUTO(free_making) struct making m = {.s = s, .r = r, .q = q, .values = values,
						.out = out, .send = UINT64_MAX};
	const struct lc_step *t = s->step + r->first;

	*out = (struct lc_reply){.then = LC_KEEP};
	if (find_input(&m, err))
		return err->code;
	find_range(&m);
	for (size_t i = 0; i < r->nstep; i++) {
		if (body_step(&m, &t[i], err))
			return err->code;
		manner_step(&m, &t[i]);
	}
	values->len = m.body.len;
	if (begin(&m, err))
		return err->code;
	for (size_t i = 0; i < r->nstep; i++)
		if (head_step(&m, &t[i], err))
			return err->code;
	return finish(&m, err);
}
