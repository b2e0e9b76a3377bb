// SPDX-License-Identifier: MIT
#include "layer/audit.h"
#include "testing/loading.h"

#include <string.h>

struct heard {
	struct lp_audit audit;	/* first */
	char rules[200];	/* of what was told, in order */
};

static void hear(struct lp_audit *a, const char *name, const struct lp_err *what,
		 const char *remedy)
{
	struct heard *h = (struct heard *)a;
	size_t n = strlen(h->rules);

	(void)name;
	snprintf(h->rules + n, sizeof(h->rules) - n, "%s%s ", what->rule, remedy ? "" : "!");
}

/* Audit the device, which nobody has open. */
static struct heard audit(struct loading *g, bool *usable)
{
	struct heard h = {.audit = {.tell = hear}};
	struct lp_err err = {0};

	lp_device_free(&g->device);
	CHECK(!lp_audit_device(&h.audit, &g->store, g->name, usable, &err), "audited %s", err.msg);
	return h;
}

static bool open_again(struct loading *g)
{
	struct lp_err err = {0};

	return CHECK(!lp_device_open(&g->device, &g->store, g->name, LP_DEVICE_WRITE, &err), "opened %s",
	      err.msg);
}

/* Every chunk but the last is there. */
static uint32_t fill(struct loading *g)
{
	const struct lp_layer *l = &g->device.table.layer;
	struct lp_err err = {0};
	bool ok = true;

	for (uint32_t i = 0; i + 1 < l->nchunk; i++)
		ok &= !lp_device_write(&g->device, i, g->sample.plain.p + l->chunk[i].device_off, &err);
	CHECK(ok && !lp_device_sync(&g->device, &err), "all but one chunk %s", err.msg);
	return l->nchunk - 1;
}

static void remove_file(const struct loading *g, const char *file)
{
	char path[LP_STORE_NAME + 16];

	snprintf(path, sizeof(path), "%s/%s", g->name, file);
	CHECK(!unlinkat(g->store.dir, path, 0), "%s is gone", file);
}

static void check(struct loading *g)
{
	uint32_t n = fill(g);
	bool usable = false;
	struct heard h;
	off_t off;

	h = audit(g, &usable);
	CHECK(usable && h.audit.chunks == n && h.audit.devices == 1 && !h.audit.damaged,
	      "a sound one: %s", h.rules);
	remove_file(g, "ready");
	h = audit(g, &usable);
	CHECK(usable && h.audit.chunks == n && !strcmp(h.rules, "store.device.ready "),
	      "bits come back: %llu chunks, %s", (unsigned long long)h.audit.chunks, h.rules);
	if (!open_again(g))
		return;
	CHECK(loading_right(g) == n, "and are right");
	off = (off_t)g->device.table.layer.chunk[1].device_off;
	CHECK(pwrite(g->device.data, "x", 1, off) == 1, "a byte of chunk 1 changes");
	h = audit(g, &usable);
	CHECK(usable && h.audit.damaged == 1 && !strcmp(h.rules, "store.device.chunk "), "it is found: %s",
	      h.rules);
	if (!open_again(g))
		return;
	CHECK(loading_right(g) == n - 1 && !lp_device_chunk_ready(&g->device, 1), "and not ready");
	remove_file(g, "data");
	h = audit(g, &usable);
	CHECK(usable && !strcmp(h.rules, "store.device.data store.device.chunk "), "no data: %s", h.rules);
	if (!open_again(g))
		return;
	CHECK(loading_right(g) == 0, "no chunk");
	remove_file(g, "table");
	h = audit(g, &usable);
	CHECK(!usable && !h.audit.damaged, "without a table it is none");
}

int main(void)
{
	const struct sample_shape shape = {.seed = 7, .nchunk = 12, .bytes_max = 9000, .per_frame = 3};
	struct loading g;

	if (loading_begin(&g, &shape))
		check(&g);
	loading_end(&g);
	return test_done();
}
