// SPDX-License-Identifier: MIT
#include "format/oci/write.h"

#include "format/pack.h"
#include "tree/tar.h"

/*
 * Ours: plain bytes of a member.  A window is 32 KiB (gzip), so that starting anew costs
 * little here; measured, 0.2 % of the size.
 */
#define MEMBER_BYTES ((size_t)1 << 20)

static const char *media_type_of(const struct lp_codec *codec)
{
	switch (codec->id) {
	case LP_CODEC_NONE:
		return "application/vnd.oci.image.layer.v1.tar";
	case LP_CODEC_GZIP:
		return "application/vnd.oci.image.layer.v1.tar+gzip";
	case LP_CODEC_ZSTD:
		return "application/vnd.oci.image.layer.v1.tar+zstd";
	case LP_CODEC_LZ4:
		break;
	}
	return NULL;
}

static enum lp_code put_entries(struct lp_pack *p, const struct lp_spool *in, struct lp_err *err)
{
	static const uint8_t zero[LP_TAR_EOF_BYTES];
	LP_AUTO(lp_buf_free) struct lp_buf header = {0};
	struct lp_xattr xattr[LP_SPOOL_XATTRS];
	struct lp_entry e;
	uint64_t body;

	for (size_t i = 0; i < in->count; i++) {
		lp_spool_entry(in, i, &e, xattr, &body);
		header.len = 0;
		if (lp_tar_header(&e, &header, err) || lp_pack_add(p, header.p, header.len, err))
			return err->code;
		if (e.kind != LP_ENTRY_NODE || !S_ISREG(e.mode))
			continue;
		if (lp_pack_spool(p, body, e.size, err) ||
		    lp_pack_add(p, zero, lp_tar_pad(e.size), err))
			return err->code;
	}
	return lp_pack_add(p, zero, LP_TAR_EOF_BYTES, err);
}

enum lp_code lp_oci_build(const struct lp_spool *in, const struct lp_build_options *options,
			  struct lp_writer *out, struct lp_built *built, struct lp_err *err)
{
	LP_AUTO(lp_pack_free) struct lp_pack p = {0};

	*built = (struct lp_built){0};
	if (lp_pack_open(&p, in, options, &lp_codec_gzip, out, err))
		return err->code;
	built->media_type = media_type_of(p.codec);
	if (!built->media_type)
		return lp_fail(err, LP_EUSAGE, LP_NO_OFFSET, NULL, "no layer is stored as %s",
			       p.codec->name);
	p.member_max = MEMBER_BYTES;
	if (put_entries(&p, in, err) || lp_pack_end(&p, &built->diffid, err))
		return err->code;
	built->plain_bytes = p.plain_bytes;
	return LP_OK;
}
