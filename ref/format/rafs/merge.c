// SPDX-License-Identifier: MIT
#include "format/rafs/build.h"

#include "format/rafs/boot.h"
#include "format/rafs/dict.h"
#include "format/rafs/info.h"
#include "format/rafs/meta.h"
#include "format/rafs/print.h"
#include "format/rafs/tail.h"
#include "tree/erofs_layout.h"
#include "tree/merge.h"
#include "tree/tar.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define RULE_UNLIKE "rafs.merge.unlike"
#define RULE_BLOBS "rafs.merge.blobs"

#define BOOT_LEVEL 6	/* gzip's, of the layer */

/* One layer's bootstrap, open, and what the merge needs of it. */
struct part {
	struct lp_buf boot;
	struct lp_rafs_meta meta;
	struct lp_rafs_stock *stock;	/* [nstock] of those of the image: this layer's devices */
	size_t nstock;
	struct lp_rafs_stock *own;	/* of them, or NULL: none of its chunks is new */
	struct lp_map map;		/* its tree */
	struct lp_erofs tree;
};

struct merging {
	struct lp_sink sink;		/* first: entry() is called with it */
	const struct lp_descriptor *d;
	struct lp_source *source;	/* [n] */
	size_t n;
	const struct lp_build_options *options;
	struct lp_rafs_choice choice;
	struct lp_rafs_dict dict;
	struct part *part;		/* [n] */
	struct lp_rafs_stock *stock;	/* [nstock] device i + 1 of the merged tree is stock[i] */
	size_t nstock;
	struct lp_tree *tree;		/* that is being filled */
	char path[LP_PATH_MAX];
};

static void merging_free(struct merging *g)
{
	for (size_t i = 0; i < g->n && g->part; i++) {
		lp_rafs_meta_free(&g->part[i].meta);
		lp_map_free(&g->part[i].map);
		lp_buf_free(&g->part[i].boot);
	}
	for (size_t i = 0; i < g->nstock && g->stock; i++)
		lp_buf_free(&g->stock[i].chunk);
	free(g->part);
	free(g->stock);
}

/* An entry of a layer: its whiteouts are spelled as in a tar. */
static enum lp_code take_entry(struct lp_sink *s, const struct lp_entry *e, struct lp_err *err)
{
	struct merging *g = (struct merging *)(void *)s;
	struct lp_entry copy = *e;
	bool skip = false;

	snprintf(g->path, sizeof(g->path), "%s", e->path);
	copy.path = g->path;
	if (lp_entry_whiteout(&copy, g->path, &skip, err))
		return err->code;
	return skip ? LP_OK : lp_tree_add(g->tree, &copy, err);
}

/* All layers are of the version, the chunk size and the digester that the image is to have. */
static enum lp_code open_part(struct merging *g, size_t i, struct lp_err *err)
{
	const struct lp_rafs_choice *want = &g->choice;
	struct part *p = &g->part[i];

	if (lp_rafs_tail_load(&g->source[i], LP_RAFS_IMAGE_BOOT, LP_RAFS_BOOT_MAX, &p->boot, err) ||
	    lp_rafs_meta_open(&p->meta, want->version, p->boot.p, p->boot.len, err))
		return err->code;
	if (p->meta.chunk_bytes != want->chunk_bytes || p->meta.kind.alg != want->kind.alg)
		return lp_fail(err, LP_EFORMAT, LP_NO_OFFSET, RULE_UNLIKE,
			       "a layer with another chunk size or digester");
	p->nstock = lp_rafs_plan_devices(lp_rafs_meta_plan(&p->meta));
	g->nstock += p->nstock;
	return LP_OK;
}

/* The blob of layer @i, by its digest; all others are the dictionary's. */
static enum lp_code name_blobs(struct merging *g, size_t i, struct lp_err *err)
{
	struct part *p = &g->part[i];
	char hex[LP_DIGEST_TEXT];

	if (lp_rafs_stock_all(lp_rafs_meta_plan(&p->meta), p->stock, err))
		return err->code;
	for (size_t k = 0; k < p->nstock; k++) {
		struct lp_rafs_blob *blob = &p->stock[k].blob;

		if (lp_rafs_dict_has(&g->dict, blob->id))
			continue;
		if (p->own)
			return lp_fail(err, LP_EFORMAT, LP_NO_OFFSET, RULE_BLOBS,
				       "a layer with chunks in blobs that are not its own");
		p->own = &p->stock[k];
		blob->features &= ~(uint32_t)LP_RAFS_INLINED_META;
		lp_digest_hex(&g->d[i].digest, hex);
		snprintf(blob->id, sizeof(blob->id), "%.64s", hex);
	}
	return LP_OK;
}

/* The tree of layer @i, as a merge wants it. */
static enum lp_code make_tree(struct merging *g, size_t i, struct lp_erofs_device *device,
			      struct lp_err *err)
{
	LP_AUTO(lp_tree_free) struct lp_tree tree = {.nnode = 0};
	struct part *p = &g->part[i];
	const struct lp_rafs_plan *plan = lp_rafs_meta_plan(&p->meta);

	g->tree = &tree;
	for (uint32_t k = 0; k < plan->nblob; k++)
		if (plan->device[k])
			device[plan->device[k] - 1] =
				(struct lp_erofs_device){.bytes = plan->device_bytes[k]};
	if (lp_tree_open(&tree, err) || lp_rafs_meta_tell(&p->meta, g->d, 0, &g->sink, err) ||
	    lp_tree_end(&tree, err) ||
	    lp_erofs_write(&tree, device, (uint32_t)p->nstock, g->options->scratch[i], err) ||
	    lp_map_fd(&p->map, g->options->scratch[i], err))
		return err->code;
	return lp_erofs_open(&p->tree, p->map.p, p->map.bytes, err);
}

static enum lp_code fill_parts(struct merging *g, struct lp_err *err)
{
	struct lp_erofs_device *device = calloc(g->nstock + 1, sizeof(*device));
	struct lp_rafs_stock *next = g->stock;
	enum lp_code rc = device ? LP_OK : lp_fail_errno(err, "%zu devices", g->nstock);

	for (size_t i = 0; i < g->n && !rc; i++) {
		g->part[i].stock = next;
		next += g->part[i].nstock;
		rc = name_blobs(g, i, err);
		rc = rc ? rc : make_tree(g, i, device, err);
		if (rc)
			lp_within(err, "layer %zu", i);
	}
	free(device);
	return rc;
}

static enum lp_code open_all(struct merging *g, struct lp_err *err)
{
	const struct lp_build_options *o = g->options;

	g->part = calloc(g->n + 1, sizeof(*g->part));
	if (!g->part)
		return lp_fail_errno(err, "%zu layers", g->n);
	if (lp_rafs_dict_open(&g->dict, o->dict, o->dict_bytes, err))
		return lp_within(err, "chunk dictionary");
	for (size_t i = 0; i < g->n; i++)
		if (open_part(g, i, err))
			return lp_within(err, "layer %zu", i);
	g->stock = calloc(g->nstock + 1, sizeof(*g->stock));
	if (!g->stock)
		return lp_fail_errno(err, "%zu devices", g->nstock);
	return fill_parts(g, err);
}

/* The child of directory @dir of @v that is called as name @i of @m, if it is one; else 0. */
static uint32_t find_directory(const struct lp_rafs_v5 *v, uint32_t dir,
			       const struct lp_rafs_model *m, uint32_t i)
{
	const struct lp_node *name = lp_node(m->tree, lp_rafs_name_at(m, i)->node);
	struct lp_rafs_inode n;
	struct lp_err gone;
	uint32_t low, high;

	if (!dir || lp_rafs_v5_inode(v, dir, &n, &gone))
		return 0;
	for (low = n.child, high = low + n.nchild; low < high;) {
		uint32_t mid = low + (high - low) / 2;
		int c;

		if (lp_rafs_v5_inode(v, mid, &n, &gone))
			return 0;
		c = lp_erofs_compare(n.name, n.name_bytes, lp_node_text(m->tree, name->name),
				     name->name_bytes);
		if (!c)
			return S_ISDIR(n.mode) ? mid : 0;
		if (c < 0)
			low = mid + 1;
		else
			high = mid;
	}
	return 0;
}

/* v5: a directory keeps the size that the highest layer with it says: 4.3. */
static enum lp_code keep_sizes(const struct merging *g, struct lp_rafs_model *m,
			       struct lp_err *err)
{
	const uint32_t *dirs = (const uint32_t *)(const void *)m->dir.p;
	uint32_t *at = calloc((size_t)m->nname + 1, sizeof(*at));
	struct lp_rafs_inode n;
	struct lp_err gone;

	m->dir_bytes = calloc((size_t)m->nname + 1, sizeof(*m->dir_bytes));
	if (!at || !m->dir_bytes) {
		free(at);
		return lp_fail_errno(err, "%u names", m->nname);
	}
	for (size_t layer = g->n; layer-- > 0;)
		for (size_t d = 0; d < m->dir.len / sizeof(*dirs); d++) {
			const struct lp_rafs_v5 *v = &g->part[layer].meta.v5;
			uint32_t i = dirs[d];

			at[i] = i == 1 ? 1 : find_directory(v, at[lp_rafs_name_at(m, i)->parent],
							    m, i);
			if (at[i] && !m->dir_bytes[i] && !lp_rafs_v5_inode(v, at[i], &n, &gone))
				m->dir_bytes[i] = n.size;
		}
	free(at);
	return LP_OK;
}

static enum lp_code merge(struct merging *g, struct lp_buf *boot, struct lp_err *err)
{
	LP_AUTO(lp_tree_free) struct lp_tree tree = {.nnode = 0};
	LP_AUTO(lp_rafs_model_free) struct lp_rafs_model m = {
		.tree = &tree, .stock = g->stock, .nstock = g->nstock,
		.prefetch = g->options->prefetch, .nprefetch = g->options->nprefetch,
		.chunk_bytes = g->choice.chunk_bytes, .kind = g->choice.kind,
	};
	struct lp_erofs *layer = calloc(g->n + 1, sizeof(*layer));
	enum lp_code rc = layer ? LP_OK : lp_fail_errno(err, "%zu layers", g->n);

	for (size_t i = 0; i < g->n && layer; i++)
		layer[i] = g->part[i].tree;
	rc = rc ? rc : lp_tree_open(&tree, err);
	rc = rc ? rc : lp_tree_merge(layer, g->n, &tree, err);
	free(layer);
	rc = rc ? rc : lp_rafs_model_make(&m, err);
	if (!rc && g->choice.version == 5)
		rc = keep_sizes(g, &m, err);
	if (rc)
		return rc;
	return g->choice.version == 6 ? lp_rafs_print_v6(&m, true, boot, err)
				      : lp_rafs_print_v5(&m, boot, err);
}

static enum lp_code add_file(struct lp_buf *tar, const char *path, uint32_t mode,
			     const struct lp_buf *body, struct lp_err *err)
{
	static const uint8_t zero[LP_TAR_EOF_BYTES];
	struct lp_entry e = {.path = path, .mode = mode, .size = body ? body->len : 0};

	if (lp_tar_header(&e, tar, err))
		return err->code;
	if (!body)
		return LP_OK;
	if (lp_buf_add(tar, body->p, body->len, SIZE_MAX, err))
		return err->code;
	return lp_buf_add(tar, zero, lp_tar_pad(body->len), SIZE_MAX, err);
}

/* image/HEX.blob.meta: nydusd then need not ask for the contexts of a blob.  1.3 */
static enum lp_code add_info(struct merging *g, size_t i, struct lp_buf *tar, struct lp_err *err)
{
	static const uint8_t zero[LP_RAFS_INFO_HEAD];
	LP_AUTO(lp_buf_free) struct lp_buf info = {.p = NULL};
	LP_AUTO(lp_buf_free) struct lp_buf head = {.p = NULL};
	const struct lp_rafs_stock *own = g->part[i].own;
	size_t max = own ? own->chunk.len + LP_RAFS_INFO_HEAD : 0;
	char path[LP_RAFS_ID + 32];

	if (!own || g->choice.version != 6)
		return LP_OK;
	snprintf(path, sizeof(path), "image/%s.blob.meta", own->blob.id);
	if (lp_rafs_tail_load(&g->source[i], LP_RAFS_INFO, max, &info, err) ||
	    lp_rafs_tail_load(&g->source[i], LP_RAFS_INFO_HEADER, max, &head, err) ||
	    lp_buf_add(&info, zero, (LP_RAFS_INFO_HEAD - info.len % LP_RAFS_INFO_HEAD) %
					    LP_RAFS_INFO_HEAD, SIZE_MAX, err) ||
	    lp_buf_add(&info, head.p, head.len, SIZE_MAX, err))
		return err->code;
	return add_file(tar, path, S_IFREG | 0444, &info, err);
}

static enum lp_code make_layer(struct merging *g, const struct lp_buf *boot, struct lp_buf *tar,
			       struct lp_err *err)
{
	static const uint8_t zero[LP_TAR_EOF_BYTES];

	if (add_file(tar, "image", S_IFDIR | 0755, NULL, err) ||
	    add_file(tar, "image/image.boot", S_IFREG | 0444, boot, err))
		return err->code;
	for (size_t i = 0; i < g->n; i++)
		if (add_info(g, i, tar, err))
			return err->code;
	return lp_buf_add(tar, zero, sizeof(zero), SIZE_MAX, err);
}

enum lp_code lp_rafs_merge(const struct lp_descriptor *d, struct lp_source *source, size_t n,
			   const struct lp_build_options *options, struct lp_writer *out,
			   struct lp_built *built, struct lp_err *err)
{
	LP_AUTO(merging_free) struct merging g = {
		.sink = {.entry = take_entry}, .d = d, .source = source, .n = n, .options = options,
	};
	LP_AUTO(lp_buf_free) struct lp_buf boot = {.p = NULL};
	LP_AUTO(lp_buf_free) struct lp_buf tar = {.p = NULL};
	LP_AUTO(lp_buf_free) struct lp_buf stored = {.p = NULL};

	if (lp_rafs_choose(options, &g.choice, err) || open_all(&g, err) || merge(&g, &boot, err) ||
	    make_layer(&g, &boot, &tar, err) ||
	    lp_codec_gzip.encode(tar.p, tar.len, BOOT_LEVEL, &stored, err))
		return err->code;
	*built = (struct lp_built){
		.media_type = "application/vnd.oci.image.layer.v1.tar+gzip",
		.plain_bytes = tar.len,
		.note = {{LP_NOTE_NYDUS_BOOTSTRAP, "true"}, {LP_NOTE_NYDUS_VERSION, ""}},
		.nnote = 2,
	};
	snprintf(built->note[1].value, sizeof(built->note[1].value), "%u", g.choice.version);
	lp_digest_of(LP_SHA256, tar.p, tar.len, &built->diffid);
	return lp_write(out, stored.p, stored.len, err);
}
