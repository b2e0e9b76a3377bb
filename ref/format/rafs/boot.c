// SPDX-License-Identifier: MIT
#include "format/rafs/boot.h"

#include "base/cursor.h"
#include "codec/codec.h"
#include "codec/peek.h"
#include "tree/tar.h"

#include <string.h>

#define RULE_MISSING "rafs.boot.missing"
#define RULE_TWICE "rafs.boot.twice"
#define RULE_MAGIC "rafs.boot.magic"
#define RULE_VERSION "rafs.boot.version"
#define RULE_SIZE "rafs.boot.size"

#define PATH "image/image.boot"
#define PATH_OLD "image.boot"

#define V5_MAGIC 0x52414653u
#define V5_VERSION 0x500u
#define V4_VERSION 0x400u
#define V6_MAGIC 0xe0f5e1e2u
#define V6_AT 1024u
#define LOOK (V6_AT + 4)
#define STEP ((size_t)1 << 16)	/* ours: bytes read at a time */

/* Which version the first @n bytes are of; 0: none. */
static unsigned version_of(const uint8_t *p, size_t n)
{
	struct lp_cursor v5 = {.p = p, .left = n}, v6 = v5;

	if (lp_le32(&v5) == V5_MAGIC) {
		uint32_t version = lp_le32(&v5);

		return version == V5_VERSION ? 5 : version == V4_VERSION ? 4 : 0;
	}
	return lp_take(&v6, V6_AT) && lp_le32(&v6) == V6_MAGIC && !v6.bad ? 6 : 0;
}

static enum lp_code keep(struct lp_rafs_boot *b, struct lp_reader *r, struct lp_err *err)
{
	size_t got;

	b->bytes.len = 0;
	do {
		if (b->bytes.len > LP_RAFS_BOOT_MAX)
			return lp_fail(err, LP_ELIMIT, b->bytes.len, RULE_SIZE,
				       "a bootstrap above %zu bytes", LP_RAFS_BOOT_MAX);
		if (lp_buf_reserve(&b->bytes, STEP, LP_RAFS_BOOT_MAX + STEP, err) ||
		    lp_read(r, b->bytes.p + b->bytes.len, STEP, &got, err))
			return err->code;
		b->bytes.len += got;
	} while (got);
	return LP_OK;
}

/* The bootstrap among the files of a layer. */
struct finding {
	struct lp_rafs_boot *boot;
	struct lp_rafs_files *others;
	bool found, old;
};

static enum lp_code take_file(struct finding *f, const char *path, struct lp_tar *tar,
			      struct lp_err *err)
{
	bool old = !strcmp(path, PATH_OLD);

	if (!old && strcmp(path, PATH) != 0)
		return f->others ? f->others->file(f->others, path, &tar->body, err) : LP_OK;
	if (old && f->found)
		return LP_OK;
	if (f->found && !f->old)
		return lp_fail(err, LP_EFORMAT, tar->at, RULE_TWICE,
			       "a second %s in the bootstrap layer", PATH);
	f->old = old;
	f->found = true;
	return keep(f->boot, &tar->body, err);
}

static enum lp_code find_in_tar(struct finding *f, struct lp_tar *tar, struct lp_err *err)
{
	struct lp_entry e;
	bool more;

	for (;;) {
		if (lp_tar_next(tar, &e, &more, err))
			return err->code;
		if (!more)
			break;
		if (e.kind == LP_ENTRY_NODE && S_ISREG(e.mode) && take_file(f, e.path, tar, err))
			return err->code;
	}
	if (!f->found)
		return lp_fail(err, LP_EFORMAT, LP_NO_OFFSET, RULE_MISSING,
			       "there is no %s in the bootstrap layer", PATH);
	return LP_OK;
}

static enum lp_code read_layer(struct finding *f, struct lp_reader *plain, struct lp_err *err)
{
	LP_AUTO(lp_tar_free) struct lp_tar tar = {.state = NULL};

	if (lp_tar_open(&tar, plain, err) || find_in_tar(f, &tar, err))
		return err->code;
	return lp_read_rest(plain, NULL, err);
}

static enum lp_code judge(struct lp_rafs_boot *b, struct lp_err *err)
{
	b->version = version_of(b->bytes.p, b->bytes.len);
	if (!b->version)
		return lp_fail(err, LP_EFORMAT, 0, RULE_MAGIC,
			       "the bootstrap is neither RAFS v5 nor v6");
	if (b->version == 4)
		return lp_fail(err, LP_EUNSUP, 4, RULE_VERSION, "the bootstrap is RAFS v4");
	return LP_OK;
}

enum lp_code lp_rafs_boot_load(struct lp_rafs_boot *b, struct lp_source *source,
			       struct lp_rafs_files *others, struct lp_err *err)
{
	LP_AUTO(lp_decoder_free) struct lp_decoder d = {.state = NULL};
	struct finding f = {.boot = b, .others = others};
	struct lp_peek stored, plain;
	struct lp_reader *r;

	if (lp_source_stream(source, &r, err) || lp_peek_open(&stored, r, 4, err) ||
	    lp_decoder_open(&d, lp_codec_guess(stored.p, stored.bytes), &stored.reader, err) ||
	    lp_peek_open(&plain, &d.reader, LOOK, err))
		return err->code;
	if (version_of(plain.p, plain.bytes) ? keep(b, &plain.reader, err)
					     : read_layer(&f, &plain.reader, err))
		return err->code;
	return judge(b, err);
}

void lp_rafs_boot_free(struct lp_rafs_boot *b)
{
	lp_buf_free(&b->bytes);
}
