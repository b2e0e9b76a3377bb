// SPDX-License-Identifier: MIT
#include "format/rafs/zranblob.h"
#include "testing/test.h"

struct world {
	uint8_t meta[ZRANBLOB_END];
	struct lp_rafs_blob b;
	struct lp_rafs_zran z;
	struct zranblob_sink sink;
};

static void begin(struct world *w)
{
	*w = (struct world){.b = {.nchunk = 0}};
	w->sink.sink.frame = zranblob_frame;
	zranblob_make(w->meta, &w->b);
}

static enum lp_code load(struct world *w, size_t n, struct lp_err *err)
{
	LP_AUTO(lp_source_free) struct lp_source meta = {.ops = NULL};

	*err = (struct lp_err){.rule = ""};
	if (lp_source_mem(&meta, w->meta, n, err))
		return err->code;
	return lp_rafs_zran_load(&w->z, &w->b, &meta, err);
}

/* All four chunks, 10000 bytes each. */
static enum lp_code tell(struct world *w, uint32_t *frame, uint64_t *off, struct lp_err *err)
{
	for (uint32_t i = 0; i < ZRANBLOB_CHUNKS; i++) {
		struct lp_rafs_chunk c = {.number = i, .plain_bytes = 10000};

		if (lp_rafs_zran_tell(&w->z, &c, ZRANBLOB_LAYER, &w->sink.sink, &frame[i],
				      &off[i], err))
			return err->code;
	}
	return LP_OK;
}

static void test_right(void)
{
	struct world w;
	struct lp_err err;
	uint32_t frame[ZRANBLOB_CHUNKS];
	uint64_t off[ZRANBLOB_CHUNKS];

	begin(&w);
	if (!CHECK(!load(&w, ZRANBLOB_END, &err) && !tell(&w, frame, off, &err), "told %s", err.msg)) {
		lp_rafs_zran_free(&w.z);
		return;
	}
	CHECK(w.sink.frames == 2 && !frame[0] && !frame[1] && frame[2] == 1 && frame[3] == 1,
	      "each context is a frame, once");
	CHECK(!off[0] && off[1] == 10000 && !off[2] && off[3] == 10000, "chunks in it");
	CHECK(w.sink.last.off == 60009 && w.sink.last.stored_bytes == 39991 &&
	      w.sink.last.bit == 5 && w.sink.last.plain_bytes == 20000 &&
	      w.sink.last.codec == LP_CODEC_GZIP, "three bits of the byte before");
	CHECK(!w.sink.first && w.sink.end == 'd', "a short dictionary is the window's end");
	lp_rafs_zran_free(&w.z);
}

/* One field gets another value. */
static const struct edit {
	const char *what, *rule;
	uint32_t at;
	int n;
	uint64_t value;
} edits[] = {
	{"magic", "rafs6.zran.header", ZRANBLOB_HEAD, 4, 0xb10bb10c},
	{"magic at the end", "rafs6.zran.header", ZRANBLOB_END - 4, 4, 0},
	{"another count of chunks", "rafs6.zran.header", ZRANBLOB_HEAD + 12, 4, 5},
	{"contexts elsewhere", "rafs6.zran.header", ZRANBLOB_HEAD + 40, 8, 72},
	{"contexts without end", "rafs6.zran.header", ZRANBLOB_HEAD + 48, 8, UINT64_MAX},
	{"one byte too many", "rafs6.zran.header", ZRANBLOB_HEAD + 48, 8, 1081},
	{"more contexts than chunks", "rafs6.zran.header", ZRANBLOB_HEAD + 56, 4, 5},
	{"contexts that do not fit", "rafs6.zran.header", ZRANBLOB_HEAD + 48, 8, 79},
	{"no zran chunk", "rafs6.zran.chunk", 7, 1, 1},
	{"a context that is not there", "rafs6.zran.chunk", 16 + 4, 4, 2},
	{"behind the context", "rafs6.zran.chunk", 16, 4, 10001},
	{"far behind it", "rafs6.zran.chunk", 16, 4, UINT32_MAX},
	{"before the layer", "rafs6.zran.context", ZRANBLOB_CONTEXTS + 40, 8, 0},
	{"behind the layer", "rafs6.zran.context", ZRANBLOB_CONTEXTS, 8, 50001},
	{"far behind it", "rafs6.zran.context", ZRANBLOB_CONTEXTS, 8, UINT64_MAX},
	{"nothing stored", "rafs6.zran.context", ZRANBLOB_CONTEXTS + 24, 4, 0},
	{"too long to be held", "rafs6.zran.context", ZRANBLOB_CONTEXTS + 28, 4, (8 << 20) + 1},
	{"eight bits", "rafs6.zran.context", ZRANBLOB_CONTEXTS + 37, 1, 8},
	{"a long dictionary", "rafs6.zran.context", ZRANBLOB_CONTEXTS + 40 + 32, 4, 32769},
	{"behind the dictionaries", "rafs6.zran.context", ZRANBLOB_CONTEXTS + 40 + 16, 8, 1},
	{"far behind them", "rafs6.zran.context", ZRANBLOB_CONTEXTS + 40 + 16, 8, UINT64_MAX},
};

static void test_edits(void)
{
	for (size_t i = 0; i < sizeof(edits) / sizeof(edits[0]); i++) {
		uint32_t frame[ZRANBLOB_CHUNKS];
		uint64_t off[ZRANBLOB_CHUNKS];
		struct world w;
		struct lp_err err;

		begin(&w);
		zranblob_put(w.meta + edits[i].at, edits[i].value, edits[i].n);
		CHECK((load(&w, ZRANBLOB_END, &err) || tell(&w, frame, off, &err)) && err.rule &&
		      !strcmp(err.rule, edits[i].rule), "%s: %s", edits[i].what, err.msg);
		lp_rafs_zran_free(&w.z);
	}
}

static void test_sizes(void)
{
	struct world w;
	struct lp_err err;

	begin(&w);
	CHECK(load(&w, ZRANBLOB_END - 1, &err) && !strcmp(err.rule, "rafs6.info.range"),
	      "a header that is cut: %s", err.msg);
	lp_rafs_zran_free(&w.z);
	w.b.info_plain = ((uint64_t)256 << 20) + 1;
	CHECK(load(&w, ZRANBLOB_END, &err) == LP_ELIMIT && !strcmp(err.rule, "rafs6.zran.size"),
	      "too many: %s", err.msg);
	lp_rafs_zran_free(&w.z);
}

int main(void)
{
	test_right();
	test_edits();
	test_sizes();
	return test_done();
}
