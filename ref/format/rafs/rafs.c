// SPDX-License-Identifier: MIT
/*
 * rafs - Nydus: one bootstrap with the names of an image, and blobs with the data of files.
 *
 *	layers: blob ... blob, bootstrap (a tar.gz with image/image.boot), always last
 *
 * Specification: spec/rafs.md; nydus 2.2 to 2.4
 */
#include "format/rafs/boot.h"
#include "format/rafs/build.h"
#include "format/rafs/check.h"
#include "format/rafs/dict.h"
#include "format/rafs/meta.h"

#include <string.h>

static enum lp_code rafs_open(const struct lp_descriptor *d, struct lp_source *source, size_t n,
			      const struct lp_open_options *options, struct lp_sink *sink,
			      struct lp_err *err)
{
	LP_AUTO(lp_rafs_boot_free) struct lp_rafs_boot boot = {.version = 0};
	LP_AUTO(lp_rafs_meta_free) struct lp_rafs_meta m = {.version = 0};

	(void)options;
	if (lp_rafs_boot_load(&boot, source, NULL, err))
		return err->code;
	if (lp_rafs_meta_open(&m, boot.version, boot.bytes.p, boot.bytes.len, err) ||
	    lp_rafs_plan_load(&m.v6.plan, d, source, n, err) ||
	    lp_rafs_meta_tell(&m, d, n, sink, err))
		return lp_within(err, "bootstrap");
	return LP_OK;
}

static enum lp_code rafs_probe(const struct lp_descriptor *d, struct lp_source *source,
			       const struct lp_open_options *options, bool *ours,
			       struct lp_err *err)
{
	const char *note = lp_descriptor_note(d, LP_NOTE_NYDUS_BOOTSTRAP);

	(void)source, (void)options, (void)err;
	*ours = note && !strcmp(note, "true");
	return LP_OK;
}

const struct lp_format lp_fmt_rafs = {
	.name = "rafs",
	.spec = "RAFS v5 and v6 (nydus 2.1 to 2.4)",
	.image = true,
	.probe = rafs_probe,
	.open = rafs_open,
	.check = lp_rafs_check,
	.build_layer = lp_rafs_build,
	.builder = lp_rafs_builder,
	.build_image = lp_rafs_merge,
	.dictionary = lp_rafs_dict_make,
	.blobs = lp_rafs_blobs,
};
