// SPDX-License-Identifier: MIT
#include "format/rafs/dict.h"

#include "format/rafs/boot.h"
#include "format/rafs/meta.h"
#include "format/rafs/model.h"

#include <stdlib.h>
#include <string.h>

#define RULE_UNLIKE "rafs.dict.unlike"
#define RULE_BLOB "rafs.dict.blob"
#define RULE_TABLE "image.parser.result"

struct head {
	uint32_t nblob, nchunk, chunk_bytes, reserved;
};

/* A chunk, and which of those with its digest it is. */
struct row {
	struct lp_rafs_chunk c;
	size_t order;
};

/* One call of make(). */
struct making {
	struct lp_sink sink;		/* first: entry() is called with it */
	struct lp_rafs_boot boot;
	struct lp_rafs_meta meta;
	struct lp_tree tree;
	struct lp_rafs_stock *stock;	/* [nstock] */
	size_t nstock;
	struct lp_rafs_model model;
	bool by_blob;			/* of those with one digest, that of the first blob */
	struct lp_buf row;		/* of struct row */
};

static void making_free(struct making *m)
{
	for (size_t i = 0; m->stock && i < m->nstock; i++)
		lp_buf_free(&m->stock[i].chunk);
	free(m->stock);
	lp_buf_free(&m->row);
	lp_rafs_model_free(&m->model);
	lp_tree_free(&m->tree);
	lp_rafs_meta_free(&m->meta);
	lp_rafs_boot_free(&m->boot);
}

static enum lp_code refuse(struct lp_err *err, const char *what, unsigned has, unsigned wanted)
{
	return lp_fail(err, LP_EFORMAT, LP_NO_OFFSET, RULE_UNLIKE,
		       "the dictionary has %s %u, the image is to have %u", what, has, wanted);
}

static enum lp_code refuse_word(struct lp_err *err, const char *what, const char *has,
				const char *wanted)
{
	return lp_fail(err, LP_EFORMAT, LP_NO_OFFSET, RULE_UNLIKE,
		       "the dictionary has the %s %s, the image is to have %s", what, has, wanted);
}

/* 4.4: chunks are compared by digest, and their records copied. */
static enum lp_code check_likeness(const struct lp_rafs_meta *m, const struct lp_rafs_choice *want,
				   struct lp_err *err)
{
	if (m->chunk_bytes != want->chunk_bytes)
		return refuse(err, "chunks of", m->chunk_bytes, want->chunk_bytes);
	if (m->kind.alg != want->kind.alg)
		return refuse_word(err, "digester", lp_alg_name(m->kind.alg),
				   lp_alg_name(want->kind.alg));
	if (m->version == 5 && m->kind.codec != want->kind.codec) /* one for all blobs */
		return refuse_word(err, "compressor", lp_codec_number(m->kind.codec)->name,
				   want->codec->name);
	return LP_OK;
}

static enum lp_code take_entry(struct lp_sink *s, const struct lp_entry *e, struct lp_err *err)
{
	return lp_tree_add(&((struct making *)(void *)s)->tree, e, err);
}

/* The image as a model: for its names and their chunks. */
static enum lp_code make_model(struct making *m, struct lp_err *err)
{
	const struct lp_rafs_plan *plan = lp_rafs_meta_plan(&m->meta);

	m->nstock = lp_rafs_plan_devices(plan);
	m->stock = calloc(m->nstock + 1, sizeof(*m->stock));
	if (!m->stock)
		return lp_fail_errno(err, "%zu blobs", m->nstock);
	if (lp_rafs_stock_all(plan, m->stock, err) || lp_tree_open(&m->tree, err) ||
	    lp_rafs_meta_tell(&m->meta, NULL, 0, &m->sink, err) || lp_tree_end(&m->tree, err))
		return err->code;
	m->model = (struct lp_rafs_model){.tree = &m->tree, .stock = m->stock, .nstock = m->nstock,
					  .chunk_bytes = m->meta.chunk_bytes};
	return lp_rafs_model_make(&m->model, err);
}

static int by_digest(const void *left, const void *right)
{
	const struct row *a = left, *b = right;
	int c = memcmp(a->c.digest, b->c.digest, LP_RAFS_DIGEST);

	return c ? c : a->order < b->order ? -1 : a->order > b->order;
}

/* The chunks of name @i, behind those that are there. */
static enum lp_code take_chunks(struct making *m, uint32_t i, struct lp_err *err)
{
	const struct lp_node *file = lp_rafs_node(&m->model, i);

	for (uint32_t k = 0; k < lp_rafs_chunk_count(&m->model, file); k++) {
		struct row new = {lp_rafs_model_chunk(&m->model, file, k), 0};

		new.order = m->by_blob ? new.c.blob : m->row.len / sizeof(new);
		if (lp_buf_add(&m->row, &new, sizeof(new), SIZE_MAX, err))
			return err->code;
	}
	return LP_OK;
}

/* Those of all files, each directory with all below before its next sibling. */
static enum lp_code take_all(struct making *m, struct lp_err *err)
{
	LP_AUTO(lp_buf_free) struct lp_buf stack = {.p = NULL};
	uint32_t i = 1;

	if (lp_buf_add(&stack, &i, sizeof(i), SIZE_MAX, err))
		return err->code;
	while (stack.len) {
		stack.len -= sizeof(i);
		memcpy(&i, stack.p + stack.len, sizeof(i));
		if (lp_rafs_name_at(&m->model, i)->first == i && take_chunks(m, i, err))
			return err->code;
		for (uint32_t k = lp_rafs_name_at(&m->model, i)->nchild; k-- > 0;) {
			uint32_t child = lp_rafs_name_at(&m->model, i)->child + k;

			if (lp_buf_add(&stack, &child, sizeof(child), SIZE_MAX, err))
				return err->code;
		}
	}
	return LP_OK;
}

static enum lp_code collect(struct making *m, struct lp_err *err)
{
	struct row *row;
	size_t n, kept = 0;

	for (size_t i = 0; i < m->nstock; i++)
		m->by_blob = m->by_blob || (m->meta.version == 6 &&
					    !(m->stock[i].blob.features & LP_RAFS_INFO_DIGEST));
	if (take_all(m, err))
		return err->code;
	row = (struct row *)(void *)m->row.p;
	n = m->row.len / sizeof(*row);
	if (n)
		qsort(row, n, sizeof(*row), by_digest);
	for (size_t k = 0; k < n; k++)
		if (!kept || memcmp(row[kept - 1].c.digest, row[k].c.digest, LP_RAFS_DIGEST) != 0)
			row[kept++] = row[k];
	m->row.len = kept * sizeof(*row);
	return LP_OK;
}

static enum lp_code print(const struct making *m, struct lp_writer *out, struct lp_err *err)
{
	const struct row *row = (const struct row *)(const void *)m->row.p;
	struct head h = {.nblob = m->model.nused, .chunk_bytes = m->meta.chunk_bytes,
			 .nchunk = (uint32_t)(m->row.len / sizeof(*row))};

	if (lp_write(out, &h, sizeof(h), err))
		return err->code;
	for (uint32_t i = 0; i < h.nblob; i++) {
		const struct lp_rafs_blob *b = &m->stock[m->model.used[i]].blob;

		if (b->features & LP_RAFS_ZRAN)
			return lp_fail(err, LP_EUNSUP, LP_NO_OFFSET, RULE_BLOB,
				       "the dictionary's blob %s: its chunks lie in a gzip stream",
				       b->id);
		if (strlen(b->id) != LP_RAFS_ID - 1 ||
		    strspn(b->id, "0123456789abcdef") != LP_RAFS_ID - 1)
			return lp_fail(err, LP_EFORMAT, LP_NO_OFFSET, RULE_BLOB,
				       "the dictionary's blob %s: no digest", b->id);
		if (lp_write(out, b, sizeof(*b), err))
			return err->code;
	}
	for (uint32_t i = 0; i < h.nchunk; i++)
		if (lp_write(out, &row[i].c, sizeof(row[i].c), err))
			return err->code;
	return LP_OK;
}

enum lp_code lp_rafs_dict_make(const struct lp_descriptor *d, struct lp_source *source, size_t n,
			       const struct lp_build_options *options, struct lp_writer *out,
			       struct lp_err *err)
{
	LP_AUTO(making_free) struct making m = {.sink = {.entry = take_entry}};
	struct lp_rafs_choice want;

	(void)d, (void)n;
	if (lp_rafs_choose(options, &want, err) || lp_rafs_boot_load(&m.boot, source, NULL, err))
		return err->code;
	if (m.boot.version != want.version)
		return refuse(err, "RAFS version", m.boot.version, want.version);
	if (lp_rafs_meta_open(&m.meta, m.boot.version, m.boot.bytes.p, m.boot.bytes.len, err) ||
	    check_likeness(&m.meta, &want, err) || make_model(&m, err) || collect(&m, err))
		return err->code;
	return print(&m, out, err);
}

static enum lp_code check_blob(const struct lp_rafs_blob *b, struct lp_err *err)
{
	if (!memchr(b->id, 0, sizeof(b->id)) || !lp_codec_number(b->codec) ||
	    !lp_codec_number(b->info_codec))
		return lp_fail(err, LP_EFORMAT, LP_NO_OFFSET, RULE_TABLE, "a blob of a dictionary");
	return LP_OK;
}

enum lp_code lp_rafs_dict_open(struct lp_rafs_dict *dict, const void *p, size_t n,
			       struct lp_err *err)
{
	struct head h = {.nblob = 0};
	uint64_t blobs, chunks;

	*dict = (struct lp_rafs_dict){.nblob = 0};
	if (!n)
		return LP_OK;
	if (n >= sizeof(h))
		memcpy(&h, p, sizeof(h));
	blobs = (uint64_t)h.nblob * sizeof(*dict->blob);
	chunks = (uint64_t)h.nchunk * sizeof(*dict->chunk);
	if (n != sizeof(h) + blobs + chunks || h.nblob > LP_RAFS_BLOBS_MAX)
		return lp_fail(err, LP_EFORMAT, LP_NO_OFFSET, RULE_TABLE,
			       "a dictionary of %zu bytes", n);
	dict->blob = (const void *)((const uint8_t *)p + sizeof(h));
	dict->chunk = (const void *)((const uint8_t *)p + sizeof(h) + blobs);
	dict->nblob = h.nblob;
	dict->nchunk = h.nchunk;
	for (uint32_t i = 0; i < h.nblob; i++)
		if (check_blob(&dict->blob[i], err))
			return err->code;
	for (uint32_t i = 0; i < h.nchunk; i++)
		if (lp_rafs_chunk_check(&dict->chunk[i], dict->blob, h.nblob, h.chunk_bytes,
					LP_NO_OFFSET, err))
			return err->code;
	return LP_OK;
}

const struct lp_rafs_chunk *lp_rafs_dict_find(const struct lp_rafs_dict *dict,
					      const uint8_t digest[static LP_RAFS_DIGEST],
					      size_t bytes)
{
	uint32_t low = 0, high = dict->nchunk;

	while (low < high) {
		uint32_t mid = low + (high - low) / 2;
		int c = memcmp(dict->chunk[mid].digest, digest, LP_RAFS_DIGEST);

		if (!c)
			return dict->chunk[mid].plain_bytes == bytes ? &dict->chunk[mid] : NULL;
		if (c < 0)
			low = mid + 1;
		else
			high = mid;
	}
	return NULL;
}

bool lp_rafs_dict_has(const struct lp_rafs_dict *dict, const char *id)
{
	for (uint32_t i = 0; i < dict->nblob; i++)
		if (!strcmp(dict->blob[i].id, id))
			return true;
	return false;
}
