// SPDX-License-Identifier: MIT
/*
 * estargz - a tar.gz whose members can be fetched one by one, and a TOC that vouches for them.
 *
 * Specification: stargz-snapshotter docs/estargz.md; spec/estargz.md 1, 2
 */
#include "format/estargz/blob.h"
#include "format/estargz/build.h"
#include "format/estargz/landmark.h"
#include "format/estargz/plan.h"
#include "format/estargz/toc.h"

#include <string.h>

#define RULE_FILE "estargz.chunk.file"
#define RULE_LINK "estargz.entry.link"
#define RULE_LANDMARK "estargz.landmark.type"
#define RULE_RESERVED "tar.device.reserved-overlay"

/* One call of open(). */
struct opening {
	struct lp_sink *sink;
	struct lp_blob_toc blob;
	struct lp_toc toc;
	struct lp_plan plan;
	const char *file;	/* name of the last entry that was no chunk, as it stands there */
	uint64_t landmark_off;	/* 0: there is no landmark */
	bool no_prefetch;
	char path[LP_PATH_MAX], link[LP_PATH_MAX];
};

static void opening_free(struct opening *o)
{
	lp_plan_free(&o->plan);
	lp_toc_free(&o->toc);
	lp_blob_free(&o->blob);
}

static const uint32_t modes[] = {
	[LP_TOC_DIR] = S_IFDIR, [LP_TOC_REG] = S_IFREG, [LP_TOC_SYMLINK] = S_IFLNK,
	[LP_TOC_HARDLINK] = S_IFREG, [LP_TOC_CHAR] = S_IFCHR, [LP_TOC_BLOCK] = S_IFBLK,
	[LP_TOC_FIFO] = S_IFIFO,
};

/* The link of a symlink or a hard link. */
static enum lp_code set_link(struct opening *o, const struct lp_toc_entry *t, struct lp_entry *e,
			     struct lp_err *err)
{
	if (t->type != LP_TOC_SYMLINK && t->type != LP_TOC_HARDLINK)
		return LP_OK;
	if (!t->link.bytes || t->link.bytes > LP_SYMLINK_MAX)
		return lp_fail(err, LP_EFORMAT, t->at, RULE_LINK,
			       "TOC: a linkName of %zu bytes", t->link.bytes);
	e->link = t->link.p;
	if (t->type == LP_TOC_SYMLINK)
		return LP_OK;
	e->kind = LP_ENTRY_HARDLINK;
	e->link = o->link;
	return lp_path_clean(t->link.p, o->link, err);
}

/* What a whiteout is to overlayfs: design.md 10.2 */
static enum lp_code refuse_reserved(const struct lp_toc_entry *t, struct lp_err *err)
{
	if (t->type != LP_TOC_CHAR || t->major || t->minor)
		return LP_OK;
	return lp_fail(err, LP_EFORMAT, t->at, RULE_RESERVED, "TOC: device 0:0");
}

/* Is this root entry metadata of the format?  Then it is not shown. */
static enum lp_code take_landmark(struct opening *o, const struct lp_toc_entry *t, bool *hidden,
				  struct lp_err *err)
{
	bool prefetch = !strcmp(o->path, LP_LANDMARK_PREFETCH);
	bool none = !strcmp(o->path, LP_LANDMARK_NONE);

	*hidden = prefetch || none || !strcmp(o->path, LP_TOC_NAME);
	if (!prefetch && !none)
		return LP_OK;
	if (t->type != LP_TOC_REG)
		return lp_fail(err, LP_EFORMAT, t->at, RULE_LANDMARK,
			       "TOC: %s is not a regular file", o->path);
	if (prefetch)
		o->landmark_off = t->offset;
	o->no_prefetch = o->no_prefetch || none;
	return LP_OK;
}

static enum lp_code fill_entry(struct opening *o, const struct lp_toc_entry *t,
			       struct lp_entry *e, struct lp_err *err)
{
	*e = (struct lp_entry){
		.path = o->path,
		.mode = modes[t->type] | (uint32_t)(t->mode & 07777),
		.uid = (uint32_t)t->uid,
		.gid = (uint32_t)t->gid,
		.size = t->type == LP_TOC_REG ? t->size : 0,
		.mtime = t->mtime,
		.mtime_ns = t->mtime_ns,
		.xattr = t->xattr,
		.nxattr = t->nxattr,
	};
	if (t->type == LP_TOC_CHAR || t->type == LP_TOC_BLOCK) {
		e->major = (uint32_t)t->major;
		e->minor = (uint32_t)t->minor;
	}
	if (lp_path_clean(t->name.p, o->path, err) || set_link(o, t, e, err) ||
	    refuse_reserved(t, err)) {
		err->at = t->at;
		return err->code;
	}
	return LP_OK;
}

static enum lp_code take_file(struct opening *o, const struct lp_toc_entry *t,
			      struct lp_err *err)
{
	struct lp_extent extent = {.device = 1};
	bool hidden, skip = false;
	struct lp_entry e;

	/* Of what came before, nothing is needed: only chunks look back, and at their file. */
	lp_scan_forget(&o->toc.scan, t->at);
	o->file = t->name.p;
	if (fill_entry(o, t, &e, err) || take_landmark(o, t, &hidden, err))
		return err->code;
	if (!hidden && lp_entry_whiteout(&e, o->path, &skip, err)) {
		err->at = t->at;
		return err->code;
	}
	hidden = hidden || skip || e.kind == LP_ENTRY_WHITEOUT || e.kind == LP_ENTRY_OPAQUE;
	if (lp_plan_file(&o->plan, t, hidden, &extent.device_off, err))
		return err->code;
	if (!hidden && e.size) {
		extent.bytes = e.size;
		e.extent = &extent;
		e.nextent = 1;
	}
	if (t->type == LP_TOC_REG && t->size && lp_plan_chunk(&o->plan, t, err))
		return err->code;
	if (hidden && e.kind != LP_ENTRY_WHITEOUT && e.kind != LP_ENTRY_OPAQUE)
		return LP_OK;
	return o->sink->entry(o->sink, &e, err);
}

/* A chunk of its own entry, which must name the file that it belongs to. */
static enum lp_code take_chunk(struct opening *o, const struct lp_toc_entry *t,
			       struct lp_err *err)
{
	if (!o->file || strcmp(o->file, t->name.p) != 0)
		return lp_fail(err, LP_EFORMAT, t->at, RULE_FILE,
			       "TOC: a chunk of \"%.100s\" does not follow it", t->name.p);
	return lp_plan_chunk(&o->plan, t, err);
}

static enum lp_code take_entries(struct opening *o, struct lp_err *err)
{
	struct lp_toc_entry t;
	bool more;

	if (lp_toc_open(&o->toc, o->blob.json, o->blob.json_bytes, err))
		return err->code;
	for (;;) {
		if (lp_toc_next(&o->toc, &t, &more, err))
			return err->code;
		if (!more)
			return lp_plan_end(&o->plan, err);
		if (t.type == LP_TOC_CHUNK ? take_chunk(o, &t, err) : take_file(o, &t, err))
			return err->code;
	}
}

static enum lp_code estargz_open(const struct lp_descriptor *d, struct lp_source *source,
				 size_t n, const struct lp_open_options *options,
				 struct lp_sink *sink, struct lp_err *err)
{
	LP_AUTO(opening_free) struct opening o = {.sink = sink};

	if (n != 1)
		return lp_fail(err, LP_EUSAGE, LP_NO_OFFSET, NULL,
			       "an eStargz layer is one blob, not %zu", n);
	if (lp_blob_load(d, source, options, &o.blob, err))
		return err->code;
	o.plan.toc_off = o.blob.toc_off;
	if (take_entries(&o, err))
		return err->code;
	lp_blob_free(&o.blob);
	if (lp_plan_tell(&o.plan, sink, err))
		return err->code;
	if (!o.no_prefetch && lp_plan_prefetch(&o.plan, o.landmark_off, sink, err))
		return err->code;
	return sink->end_tree ? sink->end_tree(sink, o.plan.device_bytes, err) : LP_OK;
}

static enum lp_code estargz_probe(const struct lp_descriptor *d, struct lp_source *source,
				  const struct lp_open_options *options, bool *ours,
				  struct lp_err *err)
{
	*ours = false;
	if (lp_media_of(d->media_type) != LP_MEDIA_LAYER_GZIP)
		return LP_OK;
	*ours = lp_descriptor_note(d, LP_NOTE_TOC_DIGEST) != NULL;
	if (*ours || !source || !options || !options->allow_unverified)
		return LP_OK;
	return lp_blob_probe(source, ours, err);
}

const struct lp_format lp_fmt_estargz = {
	.name = "estargz",
	.spec = "stargz-snapshotter docs/estargz.md v0.19: footers of 51 and 47 bytes, innerOffset",
	.probe = estargz_probe,
	.open = estargz_open,
	.build_layer = lp_estargz_build,
};
