// SPDX-License-Identifier: MIT
#include "cmd/inputs.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define RULE_SIZE "oci.descriptor.size"

/* The argument @what of input @i. */
static const char *claim_of(const struct lp_ask *a, size_t i, const char *what)
{
	char name[80];

	if (!i)
		return lp_ask_arg(a, what);
	snprintf(name, sizeof(name), "%.40s_%s", a->input[i].name, what);
	return lp_ask_arg(a, name);
}

static enum lp_code check_size(const char *claim, uint64_t bytes, struct lp_err *err)
{
	unsigned long long want;
	char *end;

	if (!claim)
		return LP_OK;
	errno = 0;
	want = strtoull(claim, &end, 10);
	if (*end || end == claim || *claim == '-' || errno)
		return lp_fail(err, LP_EUSAGE, LP_NO_OFFSET, NULL, "a size of \"%.40s\"", claim);
	if (want != bytes)
		return lp_fail(err, LP_EFORMAT, LP_NO_OFFSET, RULE_SIZE,
			       "there are %llu bytes, the descriptor says %llu",
			       (unsigned long long)bytes, want);
	return LP_OK;
}

static enum lp_code check_digest(const char *claim, const char *rule, struct lp_whole_blob *b,
				 struct lp_err *err)
{
	struct lp_digest want = {.alg = LP_SHA256}, got;

	if (claim && lp_digest_parse(claim, strlen(claim), &want, err))
		return err->code;
	lp_digest_of(want.alg, b->p, (size_t)b->d.bytes, &got);
	b->d.digest = claim ? want : got;
	return claim ? lp_digest_check(&got, &want, LP_NO_OFFSET, rule, "the input", err) : LP_OK;
}

static enum lp_code open_input(struct lp_inputs *in, size_t i, const char *file,
			       struct lp_err *err)
{
	LP_AUTO(lp_fd_close) int fd = open(file, O_RDONLY | O_CLOEXEC);
	struct lp_whole_blob *b = &in->blob[i];

	if (fd < 0)
		return lp_fail_errno(err, "%s", file);
	if (lp_map_fd(&in->map[i], fd, err))
		return lp_within(err, "%s", file);
	b->p = in->map[i].p ? in->map[i].p : (const uint8_t *)"";
	b->d.bytes = in->map[i].bytes;
	return lp_source_mem(&b->source, b->p, in->map[i].bytes, err);
}

enum lp_code lp_inputs_open(struct lp_inputs *in, const struct lp_ask *a, const char *rule,
			    struct lp_err *err)
{
	for (size_t i = 0; i < a->ninput; i++) {
		struct lp_whole_blob *b = &in->blob[i];

		in->n = i + 1;
		if (open_input(in, i, a->input[i].value, err) ||
		    check_size(claim_of(a, i, "size"), b->d.bytes, err) ||
		    check_digest(claim_of(a, i, "digest"), rule, b, err))
			return err->code;
	}
	return LP_OK;
}

void lp_inputs_free(struct lp_inputs *in)
{
	for (size_t i = 0; i < in->n; i++) {
		lp_source_free(&in->blob[i].source);
		lp_descriptor_free(&in->blob[i].d);
		lp_map_free(&in->map[i]);
	}
	in->n = 0;
}
