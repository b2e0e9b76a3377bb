// SPDX-License-Identifier: MIT
#include "cmd/judge.h"

#include "cmd/dest.h"
#include "cmd/documents.h"
#include "cmd/inputs.h"
#include "cmd/remote.h"
#include "image/agree.h"
#include "mount/extract.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define RULE_BLOB "oci.layer.digest"
#define RULE_DIFFID "oci.config.diffid"
#define RULE_MEDIA_TYPE "oci.layer.media-type"
#define TEXT_MAX ((size_t)256 << 20)	/* ours: bytes of a canonical text */
#define RANGES_MAX 64			/* ours */

const char *const lp_judge_formats[] = {
	"oci", "estargz", "zstdchunked", "rafs5", "rafs6", "erofs", "gzip", "zstd",
	"manifest", "index", "config", "layout", "descriptor", "http", NULL,
};
const char *const lp_judge_ops[] = {"verify", "list", "read", "unpack", "fetch", NULL};

/* A request on its way. */
struct job {
	const struct lp_ask *ask;
	struct lp_verdict *v;
	struct lp_inputs in;
	struct lp_whole whole;
	struct lp_remote remote;
};

static void job_free(struct job *j)
{
	lp_whole_free(&j->whole);
	lp_inputs_free(&j->in);
	lp_remote_free(&j->remote);
}

void lp_verdict_free(struct lp_verdict *v)
{
	lp_buf_free(&v->text);
	lp_json_free(&v->ranges);
	lp_json_free(&v->stats);
}

static enum lp_code decline(struct job *j, const char *what, struct lp_err *err)
{
	j->v->unsupported = true;
	return lp_fail(err, LP_EUSAGE, LP_NO_OFFSET, NULL, "%s of %.40s is not done here", what,
		       j->ask->format);
}

static enum lp_code tell(struct lp_whole *w, struct lp_buf *out, bool *told, struct lp_err *err)
{
	LP_AUTO(lp_buf_writer_free) struct lp_buf_writer text = LP_BUF_WRITER(TEXT_MAX);

	if (lp_whole_tree(w, &text.writer, told, err))
		return err->code;
	lp_buf_move(out, &text.buf);
	return LP_OK;
}

/* The claimed digest of the plain stream. */
static enum lp_code check_diffid(const struct lp_ask *a, const struct lp_digest *got,
				 struct lp_err *err)
{
	const char *claim = lp_ask_arg(a, "diff_id");
	struct lp_digest want;

	if (!claim || got->alg == LP_NO_DIGEST)
		return LP_OK;
	if (lp_digest_parse(claim, strlen(claim), &want, err))
		return err->code;
	return lp_digest_check(got, &want, LP_NO_OFFSET, RULE_DIFFID, "the plain layer", err);
}

/* Read as a tar, it is the same tree. */
static enum lp_code check_tar(struct job *j, struct lp_err *err)
{
	LP_AUTO(lp_whole_free) struct lp_whole tar = {.n = 0};
	LP_AUTO(lp_buf_free) struct lp_buf text = {.p = NULL};
	const struct lp_buf *ours = &j->v->text;
	bool told;

	if (lp_whole_open(&tar, lp_format_named("oci"), j->in.blob, j->in.n, &j->whole.options,
			  err) ||
	    check_diffid(j->ask, &tar.diffid, err) || tell(&tar, &text, &told, err))
		return lp_within(err, "as a tar");
	return lp_agree_text((const char *)ours->p, ours->len, (const char *)text.p, text.len, err);
}

/* What `lazypull check` looks at, beyond what a reader of all files needs. */
static enum lp_code check_full(struct job *j, bool told, struct lp_err *err)
{
	const struct lp_format *f = j->whole.format;

	if (!f || f->stream)
		return LP_OK;
	if (f->check)
		return f->check(j->whole.d, j->whole.source, j->whole.n, err);
	return told ? check_tar(j, err) : LP_OK;
}

static enum lp_code verify(struct job *j, struct lp_err *err)
{
	struct lp_verdict *v = j->v;
	bool told;

	if (check_diffid(j->ask, &j->whole.diffid, err) || tell(&j->whole, &v->text, &told, err) ||
	    lp_whole_check(&j->whole, err) || (j->ask->full && check_full(j, told, err)))
		return err->code;
	if (told)
		lp_digest_of(LP_SHA256, v->text.p, v->text.len, &v->tree);
	return LP_OK;
}

/* "OFF:BYTES" at *@text, and behind it the end or a comma. */
static bool take_range(const char **text, uint64_t *off, uint64_t *n)
{
	char *end;

	if (**text < '0' || **text > '9')
		return false;
	*off = strtoull(*text, &end, 10);
	if (*end != ':' || end[1] < '0' || end[1] > '9')
		return false;
	*n = strtoull(end + 1, &end, 10);
	*text = *end == ',' ? end + 1 : end;
	return !*end || (*end == ',' && end[1]);
}

/* One range of @inode, as far as the file has it, for the answer. */
static enum lp_code read_range(struct job *j, const struct lp_erofs_inode *inode, uint64_t off,
			       uint64_t n, struct lp_err *err)
{
	LP_AUTO(lp_hash_writer_free) struct lp_hash_writer hash = {.hash = {.ctx = NULL}};
	struct lp_digest got;
	char hex[LP_DIGEST_TEXT];

	off = off < inode->size ? off : inode->size;
	n = n < inode->size - off ? n : inode->size - off;
	if (n > LP_WHOLE_FILES_MAX)
		return lp_fail(err, LP_EUSAGE, LP_NO_OFFSET, NULL, "a range of %" PRIu64 " bytes", n);
	if (lp_hash_writer_open(&hash, NULL, LP_SHA256, err) ||
	    lp_whole_read(&j->whole, inode, off, n, &hash.writer, err))
		return err->code;
	lp_hash_end(&hash.hash, &got);
	lp_digest_hex(&got, hex);
	j->v->released += n;
	if (json_array_append_new(j->v->ranges, json_pack("{s:I, s:s}", "len", (json_int_t)n,
							  "sha256", hex)))
		return lp_fail_errno(err, "a range");
	return LP_OK;
}

static enum lp_code read_file(struct job *j, struct lp_err *err)
{
	const char *name = lp_ask_arg(j->ask, "path"), *ranges = lp_ask_arg(j->ask, "ranges");
	struct lp_erofs_inode inode;
	char path[LP_PATH_MAX];
	uint64_t off = 0, n = UINT64_MAX;

	if (!name)
		return lp_fail(err, LP_EUSAGE, LP_NO_OFFSET, NULL, "no path");
	j->v->ranges = json_array();
	if (!j->v->ranges)
		return lp_fail_errno(err, "ranges");
	if (lp_path_clean(name, path, err) || lp_erofs_path(&j->whole.tree, path, &inode, err))
		return err->code;
	if (!S_ISREG(inode.mode))
		return lp_fail(err, LP_EUSAGE, LP_NO_OFFSET, NULL, "not a regular file");
	do {
		if (ranges && (!take_range(&ranges, &off, &n) ||
			       json_array_size(j->v->ranges) >= RANGES_MAX))
			return lp_fail(err, LP_EUSAGE, LP_NO_OFFSET, NULL,
				       "ranges are at most %d of OFF:BYTES", RANGES_MAX);
		if (read_range(j, &inode, off, n, err))
			return err->code;
	} while (ranges && *ranges);
	return LP_OK;
}

/* An extraction that remembers the diffID it is told. */
struct unpacking {
	struct lp_extract extract;	/* first */
	struct lp_digest diffid;
};

static enum lp_code take_diffid(struct lp_sink *s, const struct lp_digest *d, struct lp_err *err)
{
	(void)err;
	((struct unpacking *)s)->diffid = *d;
	return LP_OK;
}

static void unpacking_free(struct unpacking *u)
{
	lp_extract_free(&u->extract);
}

/* As --mount=extract does: every layer is a tar. */
static enum lp_code unpack(struct job *j, struct lp_err *err)
{
	const struct lp_open_options options = {.allow_unverified = false};
	LP_AUTO(unpacking_free) struct unpacking u = {.extract = {.parent = -1, .file = -1}};
	LP_AUTO(lp_dest_free) struct lp_dest dest = LP_DEST_EMPTY;
	const char *final = lp_ask_arg(j->ask, "dest");

	if (!final)
		return lp_fail(err, LP_EUSAGE, LP_NO_OFFSET, NULL, "no dest");
	if (lp_dest_open(&dest, final, err) || lp_extract_open(&u.extract, dest.dir, err))
		return err->code;
	u.extract.sink.diffid = take_diffid;
	if (lp_format_named("oci")->open(&j->in.blob->d, &j->in.blob->source, 1, &options,
					 &u.extract.sink, err) ||
	    lp_extract_end(&u.extract, err) || check_diffid(j->ask, &u.diffid, err) ||
	    lp_dest_keep(&dest, err))
		return err->code;
	return LP_OK;
}

static enum lp_code act(struct job *j, struct lp_err *err)
{
	return strcmp(j->ask->op, "read") ? verify(j, err) : read_file(j, err);
}

/* What a manifest would say of the first input. */
static enum lp_code describe(struct job *j, const struct lp_format *f, struct lp_err *err)
{
	const char *type = lp_ask_arg(j->ask, "media_type");
	const char *toc = lp_ask_arg(j->ask, "toc_digest");
	struct lp_descriptor *d = &j->in.blob->d;
	bool ours = true;

	if (toc && lp_descriptor_set_note(d, LP_NOTE_TOC_DIGEST, toc, err))
		return err->code;
	if (!type)
		return LP_OK;
	if (strlen(type) >= sizeof(d->media_type))
		return lp_fail(err, LP_EFORMAT, LP_NO_OFFSET, RULE_MEDIA_TYPE,
			       "a media type of %zu bytes", strlen(type));
	memcpy(d->media_type, type, strlen(type) + 1);
	if (f->stream && f->probe(d, &j->in.blob->source, NULL, &ours, err))
		return err->code;
	return ours ? LP_OK : lp_fail(err, LP_EUNSUP, LP_NO_OFFSET, RULE_MEDIA_TYPE,
				      "a layer of media type \"%.80s\"", type);
}

static enum lp_code judge_tree(struct job *j, const struct lp_format *f, struct lp_err *err)
{
	const struct lp_open_options options = {.allow_unverified = false};

	if (f && !f->image && j->in.n > 1)
		return lp_fail(err, LP_EUSAGE, LP_NO_OFFSET, NULL, "a layer is one input, not %zu",
			       j->in.n);
	if (f && describe(j, f, err))
		return err->code;
	if (!strcmp(j->ask->op, "unpack"))
		return f && !f->image ? unpack(j, err) : decline(j, j->ask->op, err);
	if (f ? lp_whole_open(&j->whole, f, j->in.blob, j->in.n, &options, err)
	      : lp_whole_erofs(&j->whole, j->in.blob, j->in.n, err))
		return err->code;
	return act(j, err);
}

/* A layer at a registry: only what is needed of it is asked for. */
static enum lp_code fetch(struct job *j, const struct lp_format *f, struct lp_err *err)
{
	const struct lp_open_options options = {.allow_unverified = false};

	j->in.n = 1;
	if (lp_remote_open(&j->remote, j->ask, j->in.blob, err) || describe(j, f, err) ||
	    (f->stream && lp_remote_stream(&j->remote, j->in.blob, err)) ||
	    lp_whole_open(&j->whole, f, j->in.blob, 1, &options, err) ||
	    (!f->stream && lp_remote_frames(&j->remote, &j->whole, err)))
		return err->code;
	return verify(j, err);
}

static enum lp_code judge_remote(struct job *j, struct lp_err *err)
{
	const char *layer = lp_ask_arg(j->ask, "layer_format");
	const struct lp_format *f = lp_format_named(layer ? layer : "estargz");
	enum lp_code code;

	if (!f || f->image)
		return decline(j, j->ask->op, err);
	code = fetch(j, f, err);
	j->v->stats = lp_remote_stats(&j->remote);
	return code;
}

/* A compressed stream, decoded to its end. */
static enum lp_code judge_codec(struct job *j, const struct lp_codec *codec, struct lp_err *err)
{
	LP_AUTO(lp_decoder_free) struct lp_decoder d = {.state = NULL};
	LP_AUTO(lp_hash_reader_free) struct lp_hash_reader plain = {.hash = {.ctx = NULL}};
	struct lp_reader *stored;

	if (strcmp(j->ask->op, "verify"))
		return decline(j, j->ask->op, err);
	if (lp_source_stream(&j->in.blob->source, &stored, err) ||
	    lp_decoder_open(&d, codec, stored, err) ||
	    lp_hash_reader_open(&plain, &d.reader, LP_SHA256, err) ||
	    lp_read_rest(&plain.reader, NULL, err))
		return err->code;
	lp_hash_end(&plain.hash, &j->v->plain);
	j->v->released = plain.bytes;
	return check_diffid(j->ask, &j->v->plain, err);
}

static enum lp_code judge_document(struct job *j, const struct lp_document_kind *kind,
				   struct lp_err *err)
{
	if (strcmp(j->ask->op, "verify"))
		return decline(j, j->ask->op, err);
	return kind->check(&j->in, lp_ask_arg(j->ask, "media_type"), err);
}

/* Formats with a tree: what they are called here; NULL: EROFS itself. */
static const struct {
	const char *name, *format;
} trees[] = {
	{"oci", "oci"}, {"zstdchunked", "oci"}, {"estargz", "estargz"},
	{"rafs5", "rafs"}, {"rafs6", "rafs"}, {"erofs", NULL},
};

enum lp_code lp_judge(const struct lp_ask *a, struct lp_verdict *v, struct lp_err *err)
{
	LP_AUTO(job_free) struct job j = {.ask = a, .v = v};
	const struct lp_document_kind *kind = lp_document_kind(a->format);
	bool codec = !strcmp(a->format, "gzip") || !strcmp(a->format, "zstd"), known = false;

	for (size_t i = 0; lp_judge_ops[i]; i++)
		known = known || !strcmp(a->op, lp_judge_ops[i]);
	known = known && !strcmp(a->op, "fetch") == !strcmp(a->format, "http");
	for (size_t i = 0; known && i < sizeof(trees) / sizeof(trees[0]); i++)
		if (!strcmp(trees[i].name, a->format)) {
			const char *format = trees[i].format;

			if (lp_inputs_open(&j.in, a, RULE_BLOB, err))
				return err->code;
			return judge_tree(&j, format ? lp_format_named(format) : NULL, err);
		}
	if (known && !strcmp(a->format, "http"))
		return judge_remote(&j, err);
	if (!known || (!kind && !codec))
		return decline(&j, a->op, err);
	if (lp_inputs_open(&j.in, a, kind ? kind->digest : RULE_BLOB, err))
		return err->code;
	return kind ? judge_document(&j, kind, err)
		    : judge_codec(&j, lp_codec_named(a->format), err);
}

bool lp_judge_rejects(const struct lp_err *err)
{
	switch (err->code) {
	case LP_ESHORT:
	case LP_EFORMAT:
	case LP_EDIGEST:
	case LP_EUNSUP:
	case LP_ELIMIT:
	case LP_EREMOTE:
		return true;
	default:
		return err->code == LP_EMISSING && err->rule;
	}
}
