// SPDX-License-Identifier: MIT
#include "cmd/cmd.h"

#include "cmd/session.h"
#include "tree/canonical.h"

#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

struct args {
	struct lp_common common;
	bool digests, summary;
};

static const struct lp_option table[] = {
	LP_COMMON_OPTIONS(struct args),
	{"digests", 0, LP_OPT_FLAG, offsetof(struct args, digests), NULL,
	 "with the digest of each file: fetches and reads everything"},
	{"summary", 0, LP_OPT_FLAG, offsetof(struct args, summary), NULL,
	 "only the SHA-256 of the text"},
	{0},
};

static const struct lp_usage usage = {
	.program = "lazypull tree",
	.operands = "IMAGE|dir:DIR",
	.what = "print a file tree as canonical JSON lines, the same for every format",
	.table = table,
	.order = LP_OPT_PERMUTE,
	.least = 1,
	.most = 1,
};

static enum lp_code image_tree(const struct args *a, const char *name, struct lp_writer *out,
			       struct lp_err *err)
{
	LP_AUTO(lp_session_free) struct lp_session s = LP_SESSION_EMPTY;

	if (lp_session_open(&s, &a->common, name, err))
		return err->code;
	return lp_filler_tree(&s.filler, a->digests, out, err);
}

static enum lp_code dir_tree(const struct args *a, const char *path, struct lp_writer *out,
			     struct lp_err *err)
{
	LP_AUTO(lp_fd_close) int dir = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (dir < 0)
		return lp_fail_errno(err, "%s", path);
	return lp_canonical_dir(dir, a->digests, out, err);
}

static enum lp_code tree(const struct args *a, const char *name, struct lp_err *err)
{
	LP_AUTO(lp_hash_writer_free) struct lp_hash_writer hash = {.hash = {.ctx = NULL}};
	char text[LP_DIGEST_TEXT];
	struct lp_reference ref;
	struct lp_fd_writer out;
	struct lp_digest sum;

	lp_fd_writer_open(&out, STDOUT_FILENO);
	if (lp_reference_parse(name, &ref, err) ||
	    lp_hash_writer_open(&hash, a->summary ? NULL : &out.writer, LP_SHA256, err) ||
	    (ref.transport == LP_DIR ? dir_tree(a, ref.path, &hash.writer, err)
				     : image_tree(a, name, &hash.writer, err)))
		return err->code;
	lp_hash_end(&hash.hash, &sum);
	lp_digest_text(&sum, text);
	if (a->summary)
		printf(a->common.json ? "{\"tree\":\"%s\"}\n" : "%s\n", text);
	return LP_OK;
}

int lp_cmd_tree(int argc, char **argv)
{
	struct args a = {.digests = false};
	struct lp_err err = {0};
	int operand, status;

	if (!lp_command_parse(&usage, argc, argv, &a, &operand, &status))
		return status;
	return lp_command_end(&usage, tree(&a, argv[operand], &err), &err, a.common.json);
}
