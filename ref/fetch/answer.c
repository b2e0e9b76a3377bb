// SPDX-License-Identifier: MIT
#include "fetch/answer.h"

#include "fetch/engine.h"
#include "fetch/header.h"

#include <string.h>
#include <strings.h>

#define RULE_RANGE "registry.range.content-range"
#define RULE_WHOLE "registry.range.unsupported"
#define RULE_BYTES "registry.blob.bytes"
#define RULE_ENCODING "registry.blob.encoding"
#define RULE_LIMIT "registry.document.limit"
#define RULE_STATUS "registry.pull.status"
#define RULE_SHORT "registry.body.short"
#define ERROR_BODY_MAX 65536	/* bytes, ours: a longer page is cut off with its connection */

const char *lp_answer_field(const struct lp_exchange *x, const char *name, size_t i)
{
	struct curl_header *h = NULL;

	if (!x->easy || curl_easy_header(x->easy, name, i, CURLH_HEADER, -1, &h))
		return NULL;
	return h->value;
}

bool lp_answer_complete(const struct lp_exchange *x)
{
	return x->shape != LP_DOCUMENT && x->answer.checked && !x->answer.fail.code &&
	       x->answer.status / 100 == 2 && x->have == x->bytes;
}

/* The length that the answer states for its body, or LP_NO_OFFSET. */
static uint64_t stated_bytes(const struct lp_exchange *x)
{
	curl_off_t n = -1;

	if (curl_easy_getinfo(x->easy, CURLINFO_CONTENT_LENGTH_DOWNLOAD_T, &n) || n < 0)
		return LP_NO_OFFSET;
	return (uint64_t)n;
}

uint64_t lp_answer_whole(const struct lp_exchange *x)
{
	const char *part = lp_answer_field(x, "Content-Range", 0);
	struct lp_content_range range;
	struct lp_err ignored;

	if (x->answer.status != 206)
		return stated_bytes(x);
	return part && !lp_content_range_parse(part, &range, &ignored) ? range.total : LP_NO_OFFSET;
}

/* 206: it must be the range we asked for, or its beginning. */
static enum lp_code check_part(struct lp_exchange *x, struct lp_err *err)
{
	const char *value = lp_answer_field(x, "Content-Range", 0);
	uint64_t first = x->off + x->have, end = x->off + x->bytes, length;
	struct lp_content_range r;

	if (!value || lp_answer_field(x, "Content-Range", 1))
		return lp_fail(err, LP_EREMOTE, first, RULE_RANGE, "a 206 with %s Content-Range",
			       value ? "more than one" : "no");
	if (lp_content_range_parse(value, &r, err))
		return err->code = LP_EREMOTE;
	length = stated_bytes(x);
	if (r.first != first || r.last >= end ||
	    (x->total && r.total != LP_NO_OFFSET && r.total != x->total) ||
	    (length != LP_NO_OFFSET && length != r.last - r.first + 1))
		return lp_fail(err, LP_EREMOTE, first, RULE_RANGE,
			       "asked for bytes %llu-%llu, got Content-Range \"%.60s\"",
			       (unsigned long long)first, (unsigned long long)(end - 1), value);
	x->answer.left = r.last - r.first + 1;
	return LP_OK;
}

/* 200: the whole blob. */
static enum lp_code check_whole(struct lp_exchange *x, struct lp_err *err)
{
	uint64_t skip = x->off + x->have, length = stated_bytes(x);

	if (x->total && length != LP_NO_OFFSET && length != x->total)
		return lp_fail(err, length < x->total ? LP_ESHORT : LP_EFORMAT, LP_NO_OFFSET,
			       RULE_BYTES, "the blob has %llu bytes there, want %llu",
			       (unsigned long long)length, (unsigned long long)x->total);
	if (x->shape == LP_RANGE || skip)
		x->r->no_ranges = true;
	if (x->shape == LP_RANGE && skip > LP_SKIP_MAX) {
		x->answer.again = false;
		return lp_fail(err, LP_EREMOTE, skip, RULE_WHOLE,
			       "the registry does no ranges, and this one begins too far inside");
	}
	x->answer.skip = skip;
	x->answer.left = x->bytes - x->have;
	return LP_OK;
}

/* Distribution-spec, "Pulling manifests": only 200 is the manifest. */
static enum lp_code check_document(struct lp_exchange *x, struct lp_err *err)
{
	x->answer.left = x->bytes;
	if (x->method != LP_GET || x->answer.status == 200)
		return LP_OK;
	x->answer.again = false;
	return lp_fail(err, LP_EREMOTE, LP_NO_OFFSET, RULE_STATUS, "status %ld is no document",
		       x->answer.status);
}

/* RFC 9112, 6.3: lengths that differ leave the body without an end. */
static bool two_lengths(const struct lp_exchange *x)
{
	const char *first = lp_answer_field(x, "Content-Length", 0), *next;

	for (size_t i = 1; (next = lp_answer_field(x, "Content-Length", i)); i++)
		if (strcmp(first, next))
			return true;
	return false;
}

static enum lp_code check_head(struct lp_exchange *x, struct lp_err *err)
{
	const char *encoding = lp_answer_field(x, "Content-Encoding", 0);
	bool asked = x->shape == LP_RANGE || (x->shape == LP_STREAM && x->have);
	long status = x->answer.status;

	if (encoding && strcasecmp(encoding, "identity"))
		return lp_fail(err, LP_EREMOTE, LP_NO_OFFSET, RULE_ENCODING,
			       "it came with Content-Encoding \"%.30s\"", encoding);
	if (two_lengths(x))
		return lp_fail(err, LP_EREMOTE, LP_NO_OFFSET, RULE_SHORT,
			       "it came with two Content-Length that differ");
	if (x->shape == LP_DOCUMENT)
		return check_document(x, err);
	if (status == 206 && asked)
		return check_part(x, err);
	if (status == 200)
		return check_whole(x, err);
	return lp_fail(err, LP_EREMOTE, LP_NO_OFFSET, RULE_RANGE, "status %ld for %s", status,
		       asked ? "a range" : "a whole blob");
}

void lp_answer_check(struct lp_exchange *x)
{
	struct lp_answer *a = &x->answer;

	if (a->checked || curl_easy_getinfo(x->easy, CURLINFO_RESPONSE_CODE, &a->status))
		return;
	if (a->status < 200) { /* none, or one that only announces the answer */
		a->status = 0;
		return;
	}
	a->checked = true;
	a->again = true;
	if (a->status / 100 != 2 || x->method == LP_HEAD)
		return;
	if (check_head(x, &a->fail))
		a->stop = true;
}

static size_t keep_text(struct lp_answer *a, const uint8_t *p, size_t n)
{
	size_t room = sizeof(a->text) - a->ntext, take = n < room ? n : room;

	memcpy(a->text + a->ntext, p, take);
	a->ntext += take;
	a->bytes += n;
	a->stop = a->bytes > ERROR_BODY_MAX;
	return a->stop ? 0 : n;
}

/* More bytes than were asked for. */
static void refuse_more(struct lp_exchange *x)
{
	struct lp_answer *a = &x->answer;

	a->stop = true;
	if (x->shape == LP_RANGE && a->status == 200)
		return;	/* the rest of a whole blob */
	a->again = false;
	if (x->shape == LP_DOCUMENT)
		lp_fail(&a->fail, LP_ELIMIT, LP_NO_OFFSET, RULE_LIMIT,
			"the answer has more than %llu bytes", (unsigned long long)x->bytes);
	else
		lp_fail(&a->fail, LP_EFORMAT, x->off + x->bytes, RULE_BYTES,
			"the blob goes on behind the %llu bytes it should have",
			(unsigned long long)x->bytes);
}

size_t lp_answer_body(struct lp_exchange *x, const uint8_t *p, size_t n)
{
	struct lp_answer *a = &x->answer;
	size_t skip, take, took;

	lp_answer_check(x);
	if (a->stop)
		return 0;
	if (a->status / 100 != 2)
		return keep_text(a, p, n);
	skip = n < a->skip ? n : (size_t)a->skip;
	take = n - skip < a->left ? n - skip : (size_t)a->left;
	took = take ? x->ops->take(x, p + skip, take) : 0;
	a->left -= took;
	x->have += took;
	if (took < take) { /* all of it comes again */
		a->skip += took;
		x->paused = true;
		return CURL_WRITEFUNC_PAUSE;
	}
	a->bytes += n;
	a->skip -= skip;
	if (skip + take < n)
		refuse_more(x);
	else if (x->shape == LP_RANGE && a->status == 200 && !a->left)
		a->stop = x->off + x->bytes != stated_bytes(x);
	return a->stop ? 0 : n;
}
