// SPDX-License-Identifier: MIT
#include "cmd/cmd.h"

#include "cmd/common.h"
#include "image/fill.h"
#include "image/publish.h"
#include "mount/unpack.h"

#include <stdio.h>

enum how { LAZY, EXTRACT };

struct args {
	struct lp_common common;
	unsigned how;
	bool complete;
	uint64_t events;
};

static const struct lp_option table[] = {
	LP_COMMON_OPTIONS(struct args),
	{"mount", 0, LP_OPT_CHOICE, offsetof(struct args, how), "lazy|extract",
	 "what to pull it for: metadata only, or unpacked layers"},
	{"complete", 0, LP_OPT_FLAG, offsetof(struct args, complete), NULL,
	 "fetch all data as well"},
	{"events", 0, LP_OPT_COUNT, offsetof(struct args, events), "FD",
	 "write phase events as JSON lines to this descriptor"},
	{0},
};

static const struct lp_usage usage = {
	.program = "lazypull pull",
	.operands = "IMAGE",
	.what = "make an image part of the store: its metadata, or all of it",
	.table = table,
	.order = LP_OPT_PERMUTE,
	.least = 1,
	.most = 1,
};

static uint64_t layer_bytes(const struct lp_image *i)
{
	uint64_t sum = 0;

	for (size_t k = 0; k < i->manifest.nlayer; k++)
		sum += i->manifest.layer[k].bytes;
	return sum;
}

static enum lp_code fetch(const struct args *a, struct lp_image *image, struct lp_store *store,
			  struct lp_err *err)
{
	LP_AUTO(lp_unpacked_free) struct lp_unpacked unpacked = LP_UNPACKED_EMPTY;
	struct lp_progress progress;
	struct lp_publish_options o = {.allow_unverified = a->common.allow_unverified,
				       .progress = &progress};
	enum lp_code rc;

	lp_progress_start(&progress, "pull", layer_bytes(image));
	if (a->how == EXTRACT)
		rc = lp_unpack(image, store, &progress, &unpacked, err);
	else
		rc = lp_publish(image, store, &o, err);
	if (!rc && a->complete && a->how == LAZY)
		rc = lp_fill(image, store, &progress, err);
	lp_progress_end(&progress);
	return rc;
}

static enum lp_code pull(const struct args *a, const char *name, struct lp_err *err)
{
	LP_AUTO(lp_store_free) struct lp_store store = {.dir = -1};
	LP_AUTO(lp_image_free) struct lp_image image = LP_IMAGE_EMPTY;
	struct lp_events events = {.fd = a->events ? (int)a->events : -1};
	char text[LP_DIGEST_TEXT];

	lp_event(&events, "request");
	if (lp_store_open(&store, a->common.store, err) ||
	    lp_common_open(&a->common, name, &image, err))
		return err->code;
	lp_event(&events, "resolved");
	store.later = true;
	if (fetch(a, &image, &store, err) || lp_store_settle(&store, err))
		return err->code;
	lp_event(&events, "rootfs");
	if (a->complete || a->how == EXTRACT)
		lp_event(&events, "local");
	lp_digest_text(&image.digest, text);
	printf(a->common.json ? "{\"digest\":\"%s\"}\n" : "%s\n", text);
	return LP_OK;
}

int lp_cmd_pull(int argc, char **argv)
{
	struct args a = {.how = LAZY};
	struct lp_err err = {0};
	int operand, status;

	if (!lp_command_parse(&usage, argc, argv, &a, &operand, &status))
		return status;
	return lp_command_end(&usage, pull(&a, argv[operand], &err), &err, a.common.json);
}
