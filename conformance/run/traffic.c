// SPDX-License-Identifier: MIT
#include "run/traffic.h"

#include <fnmatch.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum lp_code lc_traffic_add(struct lc_traffic *t, int host, const struct lc_request *q, size_t *at,
			    struct lp_err *err)
{
	struct lc_asked *more, *a;

	*at = LC_ASKED_MAX;
	t->more = t->n == LC_ASKED_MAX;
	if (t->more)
		return LP_OK;
	if (!(t->n & (t->n - 1))) {
		more = reallocarray(t->asked, t->n ? 2 * t->n : 1, sizeof(*more));
		if (!more)
			return lp_fail_errno(err, "requests");
		t->asked = more;
	}
	a = &t->asked[t->n];
	*a = (struct lc_asked){.host = host, .method = strdup(q->method),
			       .target = strdup(q->target), .head = strdup(q->head)};
	*at = t->n++;
	return a->method && a->target && a->head ? LP_OK : lp_fail_errno(err, "a request");
}

void lc_traffic_free(struct lc_traffic *t)
{
	for (size_t i = 0; i < t->n; i++) {
		free(t->asked[i].method);
		free(t->asked[i].target);
		free(t->asked[i].head);
	}
	free(t->asked);
	*t = (struct lc_traffic){0};
}

static bool counts(const struct lc_check *c, const struct lc_asked *a)
{
	char value[4096];

	if (a->host != c->host || fnmatch(c->path, a->target, 0))
		return false;
	if (!c->field)
		return true;
	return lc_head_field(a->head, c->field, value, sizeof(value)) && strstr(value, c->value);
}

static void judge_count(const struct lc_traffic *t, const struct lc_check *c, char *why,
			size_t room)
{
	const struct lc_asked *last = NULL;
	uint64_t n = 0;

	for (size_t i = 0; i < t->n; i++)
		if (counts(c, &t->asked[i])) {
			last = &t->asked[i];
			n++;
		}
	if (c->kind == LC_MOST && n > c->n)
		snprintf(why, room, "%" PRIu64 " requests to %c %.60s%s%.30s, at most %" PRIu64
			 ": %s %.60s", n, 'A' + c->host, c->path, c->field ? " with " : "",
			 c->field ? c->field : "", c->n, last->method, last->target);
	else if (c->kind == LC_LEAST && n < c->n)
		snprintf(why, room, "%" PRIu64 " requests to %c %.60s%s%.30s, at least %" PRIu64,
			 n, 'A' + c->host, c->path, c->field ? " with " : "",
			 c->field ? c->field : "", c->n);
}

static void judge_bytes(const struct lc_traffic *t, const struct lc_check *c, char *why,
			size_t room)
{
	uint64_t n = 0;

	for (size_t i = 0; i < t->n; i++)
		n += t->asked[i].sent;
	if (n > c->n)
		snprintf(why, room, "%" PRIu64 " bytes of bodies, at most %" PRIu64, n, c->n);
}

static bool alike(const struct lc_asked *a, const struct lc_asked *b)
{
	char x[256] = "", y[256] = "";

	lc_head_field(a->head, "Range", x, sizeof(x));
	lc_head_field(b->head, "Range", y, sizeof(y));
	return a->host == b->host && !strcmp(a->method, b->method) &&
	       !strcmp(a->target, b->target) && !strcmp(x, y);
}

static void judge_same(const struct lc_traffic *t, const struct lc_check *c, char *why,
		       size_t room)
{
	for (size_t i = 0; i < t->n && !*why; i++) {
		uint64_t n = 0;

		for (size_t k = 0; k <= i; k++)
			n += alike(&t->asked[k], &t->asked[i]);
		if (n > c->n)
			snprintf(why, room, "the same request %" PRIu64 " times, at most %" PRIu64
				 ": %s %.80s", n, c->n, t->asked[i].method, t->asked[i].target);
	}
}

void lc_traffic_judge(const struct lc_traffic *t, const struct lc_script *s, char *why,
		      size_t room)
{
	*why = '\0';
	if (t->more)
		snprintf(why, room, "more than %d requests", LC_ASKED_MAX);
	for (size_t i = 0; i < s->ncheck && !*why; i++) {
		const struct lc_check *c = &s->check[i];

		if (c->kind == LC_BYTES)
			judge_bytes(t, c, why, room);
		else if (c->kind == LC_SAME)
			judge_same(t, c, why, room);
		else
			judge_count(t, c, why, room);
	}
}
