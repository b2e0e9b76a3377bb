// SPDX-License-Identifier: MIT
#include "format/rafs/meta.h"

#include "format/rafs/boot.h"

enum lp_code lp_rafs_meta_open(struct lp_rafs_meta *m, unsigned version, const uint8_t *p,
			       size_t n, struct lp_err *err)
{
	bool v6 = version == 6;

	m->version = version;
	if (v6 ? lp_rafs_v6_open(&m->v6, p, n, err) : lp_rafs_v5_open(&m->v5, p, n, err))
		return err->code;
	m->chunk_bytes = v6 ? m->v6.chunk_bytes : m->v5.chunk_bytes;
	m->kind = v6 ? m->v6.kind : m->v5.kind;
	return LP_OK;
}

void lp_rafs_meta_free(struct lp_rafs_meta *m)
{
	lp_rafs_v5_free(&m->v5);
	lp_rafs_v6_free(&m->v6);
	m->version = 0;
}

enum lp_code lp_rafs_meta_tell(const struct lp_rafs_meta *m, const struct lp_descriptor *d,
			       size_t n, struct lp_sink *sink, struct lp_err *err)
{
	return m->version == 6 ? lp_rafs_v6_tell(&m->v6, d, n, sink, err)
			       : lp_rafs_v5_tell(&m->v5, d, n, sink, err);
}

enum lp_code lp_rafs_blobs(struct lp_source *source, struct lp_buf *out, struct lp_err *err)
{
	LP_AUTO(lp_rafs_boot_free) struct lp_rafs_boot boot = {.version = 0};
	LP_AUTO(lp_rafs_meta_free) struct lp_rafs_meta m = {.version = 0};
	const struct lp_rafs_plan *plan;

	if (lp_rafs_boot_load(&boot, source, NULL, err))
		return err->code;
	if (lp_rafs_meta_open(&m, boot.version, boot.bytes.p, boot.bytes.len, err))
		return lp_within(err, "bootstrap");
	plan = lp_rafs_meta_plan(&m);
	for (uint32_t i = 0; i < plan->nblob; i++) {
		struct lp_digest d;

		if (lp_digest_of_hex(LP_SHA256, plan->blob[i].id, &d) &&
		    lp_buf_add(out, &d, sizeof(d), SIZE_MAX, err))
			return err->code;
	}
	return LP_OK;
}
