// SPDX-License-Identifier: MIT
#include "registry/knob.h"

#include <errno.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

enum kind { FLAG, COUNT, PAIR, TEXT, MULTI, CORRUPT };

#define AT(member) offsetof(struct lb_knobs, member)

static const struct knob {
	const char *name;
	enum kind kind;
	size_t at, at2;		/* COUNT and PAIR: uint64_t; PAIR's second one */
	uint64_t preset;	/* COUNT: without a value, 0: needs one; PAIR: of the second */
	const char *value, *help;
} knobs[] = {
	{"token", COUNT, AT(token_seconds), 0, 300, "[SECONDS]",
	 "bearer tokens from /token, and how long they live (300)"},
	{"token-uses", COUNT, AT(token_uses), 0, 0, "N", "a token is good for N requests"},
	{"basic", TEXT, AT(basic), 0, 0, "USER:PASS", "HTTP Basic, at /token if there are tokens"},
	{"redirect", FLAG, AT(redirect), 0, 0, "",
	 "blobs: 307 to another address, which answers 400 to Authorization"},
	{"url-ttl", COUNT, AT(url_seconds), 0, 0, "SECONDS", "redirects expire: 403"},
	{"fail-500", COUNT, AT(fail_500), 0, 0, "N", "every Nth GET of content: 500"},
	{"fail-429", PAIR, AT(fail_429), AT(retry_seconds), 1, "N[:SECONDS]",
	 "every Nth GET of content: 429 with Retry-After (1)"},
	{"short-body", COUNT, AT(short_body), 0, 0, "N",
	 "every Nth blob body ends half-way, the connection is closed"},
	{"reset", COUNT, AT(reset), 0, 0, "N", "every Nth blob body ends half-way in a TCP reset"},
	{"stall", PAIR, AT(stall), AT(stall_ms), 1000, "N[:MS]",
	 "every Nth blob body pauses half-way (1000)"},
	{"delay", COUNT, AT(delay_ms), 0, 0, "MS", "every request waits so long before it is served"},
	{"whole", FLAG, AT(whole), 0, 0, "", "ranges are ignored: 200 and the whole blob"},
	{"shifted-range", FLAG, AT(shifted_range), 0, 0, "",
	 "206 with the range that begins one byte later"},
	{"head", COUNT, AT(head_status), 0, 0, "STATUS", "HEAD on blobs gets this status"},
	{"no-referrers", FLAG, AT(no_referrers), 0, 0, "",
	 "no referrers API: 404, and no OCI-Subject on a push"},
	{"wrong-once", FLAG, AT(wrong_once), 0, 0, "",
	 "each byte of a blob is wrong the first time that it is sent"},
	{"multirange", MULTI, 0, 0, 0, "ok|400|whole", "what several ranges in one request get"},
	{"corrupt", CORRUPT, 0, 0, 0, "DIGEST:OFFSET",
	 "flips a bit of this byte of this blob on its way (several times)"},
};

#define NKNOBS (sizeof(knobs) / sizeof(knobs[0]))

static bool number(const char *text, size_t n, uint64_t *out)
{
	*out = 0;
	for (size_t i = 0; i < n; i++) {
		if (text[i] < '0' || text[i] > '9' || *out > UINT64_MAX / 10 - 1)
			return false;
		*out = *out * 10 + (uint64_t)(text[i] - '0');
	}
	return n > 0;
}

static enum lp_code bad_value(const struct knob *b, struct lp_err *err)
{
	return lp_fail(err, LP_EUSAGE, LP_NO_OFFSET, NULL, "knob \"%s\" wants %s", b->name,
		       *b->value ? b->value : "no value");
}

static bool set_multi(struct lb_knobs *k, const char *value)
{
	static const char *const words[] = {"ok", "400", "whole"};

	for (size_t i = 0; value && i < 3; i++)
		if (!strcmp(value, words[i])) {
			k->multirange = (enum lb_multirange)i;
			return true;
		}
	return false;
}

static bool set_corrupt(struct lb_knobs *k, const char *value, struct lp_err *err)
{
	const char *colon = value ? strrchr(value, ':') : NULL;
	struct lb_corrupt *c = &k->corrupt[k->ncorrupt];

	if (!colon || k->ncorrupt == LB_CORRUPT_MAX ||
	    lp_digest_parse(value, (size_t)(colon - value), &c->digest, err) ||
	    !number(colon + 1, strlen(colon + 1), &c->off))
		return false;
	k->ncorrupt++;
	return true;
}

/* N, or N:M where the knob has a second number. */
static bool set_numbers(struct lb_knobs *k, const struct knob *b, const char *value)
{
	uint64_t *first = (uint64_t *)(void *)((char *)k + b->at);
	uint64_t *second = (uint64_t *)(void *)((char *)k + b->at2);
	const char *colon = value && b->kind == PAIR ? strchr(value, ':') : NULL;

	if (b->kind == PAIR)
		*second = b->preset;
	if (!value) {
		*first = b->preset;
		return b->kind == COUNT && b->preset;
	}
	if (colon && !number(colon + 1, strlen(colon + 1), second))
		return false;
	return number(value, colon ? (size_t)(colon - value) : strlen(value), first) && *first;
}

static bool set(struct lb_knobs *k, const struct knob *b, const char *value, struct lp_err *err)
{
	switch (b->kind) {
	case FLAG:
		*((bool *)k + b->at) = true;
		return !value;
	case TEXT:
		*(const char **)(void *)((char *)k + b->at) = value;
		return value && *value;
	case MULTI:
		return set_multi(k, value);
	case CORRUPT:
		return set_corrupt(k, value, err);
	default:
		return set_numbers(k, b, value);
	}
}

enum lp_code lb_knob_set(struct lb_knobs *k, const char *text, struct lp_err *err)
{
	size_t n = strcspn(text, "=");
	const char *value = text[n] ? text + n + 1 : NULL;

	for (size_t i = 0; i < NKNOBS; i++) {
		if (strlen(knobs[i].name) != n || memcmp(knobs[i].name, text, n) != 0)
			continue;
		return set(k, &knobs[i], value, err) ? LP_OK : bad_value(&knobs[i], err);
	}
	return lp_fail(err, LP_EUSAGE, LP_NO_OFFSET, NULL, "no knob is called \"%.*s\"", (int)n,
		       text);
}

void lb_knob_help(FILE *out)
{
	for (size_t i = 0; i < NKNOBS; i++) {
		char form[48];

		snprintf(form, sizeof(form), "%s%s%s", knobs[i].name,
			 *knobs[i].value && *knobs[i].value != '[' ? "=" : "", knobs[i].value);
		fprintf(out, "  %-24s %s\n", form, knobs[i].help);
	}
}

bool lb_knob_waits(const struct lb_knobs *k)
{
	return k->delay_ms || k->stall;
}
