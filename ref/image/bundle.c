// SPDX-License-Identifier: MIT
#include "image/bundle.h"

#include "image/made.h"
#include "image/parse.h"
#include "image/refers.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct bundling {
	struct lp_parse parse;
	const struct lp_convert_options *options;
	const struct lp_blobs *blobs;
	size_t n;
	struct lp_source *source;	/* [n] */
	int *fd;			/* [n + 1] the new layer, scratch files */
};

static void bundling_free(struct bundling *b)
{
	for (size_t i = 0; b->source && i < b->n; i++)
		lp_source_free(&b->source[i]);
	for (size_t i = 0; b->fd && i <= b->n; i++)
		lp_fd_close(&b->fd[i]);
	free(b->source);
	free(b->fd);
}

/* In the child. */
static enum lp_code build(struct lp_parse *p, struct lp_source *blob, struct lp_buf *result,
			  struct lp_err *err)
{
	struct bundling *b = (struct bundling *)((char *)p - offsetof(struct bundling, parse));
	LP_AUTO(lp_hash_writer_free) struct lp_hash_writer hash = {.hash = {.ctx = NULL}};
	struct lp_build_options o = b->options->build;
	struct lp_built built = {.nnote = 0};
	struct lp_fd_writer out;
	struct lp_made made;

	o.scratch = b->fd + 1;
	lp_fd_writer_open(&out, b->fd[0]);
	if (lp_hash_writer_open(&hash, &out.writer, LP_SHA256, err) ||
	    b->options->to->build_image(b->blobs->d, blob, b->n, &o, &hash.writer, &built, err))
		return err->code;
	built.bytes = hash.bytes;
	lp_hash_end(&hash.hash, &built.digest);
	lp_made_pack(&built, &made);
	return lp_buf_add(result, &made, sizeof(made), sizeof(made), err);
}

static enum lp_code open_files(struct bundling *b, struct lp_target *to, struct lp_err *err)
{
	b->source = calloc(b->n + 1, sizeof(*b->source));
	b->fd = malloc((b->n + 1) * sizeof(*b->fd));
	if (!b->source || !b->fd)
		return lp_fail_errno(err, "%zu blobs", b->n);
	memset(b->fd, -1, (b->n + 1) * sizeof(*b->fd));
	if (lp_target_stage(to, &b->fd[0], err))
		return err->code;
	for (size_t i = 0; i < b->n; i++) {
		int copy = fcntl(b->blobs->fd[i], F_DUPFD_CLOEXEC, 0);

		if (copy < 0)
			return lp_fail_errno(err, "a blob");
		if (lp_source_file(&b->source[i], copy, err))
			return err->code;
		b->fd[i + 1] = openat(b->options->tmp, ".", O_RDWR | O_TMPFILE | O_CLOEXEC, 0600);
		if (b->fd[i + 1] < 0)
			return lp_fail_errno(err, "create a temporary file");
	}
	return LP_OK;
}

/* The blobs that the new layer needs. */
static enum lp_code list_needs(const struct bundling *b, const struct lp_descriptor *made,
			       struct lp_buf *needs, struct lp_err *err)
{
	LP_AUTO(lp_source_free) struct lp_source source = {.ops = NULL};
	int copy = fcntl(b->fd[0], F_DUPFD_CLOEXEC, 0);

	if (copy < 0)
		return lp_fail_errno(err, "the new layer");
	if (lp_source_file(&source, copy, err))
		return err->code;
	return lp_refers(b->options->to, made, &source, needs, err);
}

enum lp_code lp_bundle(struct lp_target *to, const struct lp_convert_options *o,
		       const struct lp_blobs *blobs, struct lp_descriptor *made,
		       struct lp_digest *diffid, struct lp_buf *needs, struct lp_err *err)
{
	LP_AUTO(bundling_free) struct bundling b = {.options = o, .blobs = blobs, .n = blobs->n};
	LP_AUTO(lp_buf_free) struct lp_buf result = {0};

	if (open_files(&b, to, err))
		return err->code;
	b.parse = (struct lp_parse){.run = build, .layer = blobs->d, .keep = b.fd,
				    .nkeep = b.n + 1, .dir = -1};
	if (lp_parse_run(&b.parse, b.source, b.n, &result, err) ||
	    lp_made_accept(&result, made, diffid, err) || lp_target_keep(to, made, b.fd[0], err) ||
	    (o->dict && list_needs(&b, made, needs, err)))
		return lp_within(err, "metadata layer");
	return LP_OK;
}
