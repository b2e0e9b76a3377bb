// SPDX-License-Identifier: MIT
/*
 * The first byte says how many bytes the reader is given at a time; checksums are made right,
 * so that what lies behind them is reached.  What is read is written again, and that reads
 * back as the same.
 */
#include "tree/tar.h"

#include "tree/ustar.h"

#include <stdlib.h>
#include <string.h>

#define SUM 148

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

struct drip {
	struct lp_reader reader;
	struct lp_mem_reader from;
	size_t most;
};

static enum lp_code drip_read(struct lp_reader *r, void *p, size_t n, size_t *got,
			      struct lp_err *err)
{
	struct drip *d = (struct drip *)r;

	return lp_read(&d->from.reader, p, n < d->most ? n : d->most, got, err);
}

/* Every block that has a magic gets a checksum that holds. */
static void mend(uint8_t *p, size_t n)
{
	for (; n >= LP_USTAR_BYTES; p += LP_USTAR_BYTES, n -= LP_USTAR_BYTES) {
		unsigned sum = 0;

		if (memcmp(p + 257, "ustar", 5) != 0)
			continue;
		memset(p + SUM, ' ', 8);
		for (int i = 0; i < LP_USTAR_BYTES; i++)
			sum += p[i];
		for (int i = 0; i < 6; i++, sum >>= 3)
			p[SUM + 5 - i] = (uint8_t)('0' + (sum & 7));
	}
}

static void write_again(const struct lp_entry *e)
{
	LP_AUTO(lp_buf_free) struct lp_buf b = {0};
	LP_AUTO(lp_tar_free) struct lp_tar t = {0};
	struct lp_mem_reader mem;
	struct lp_entry again = {0};
	struct lp_err err = {0};
	bool more = false;

	if (lp_tar_header(e, &b, &err)) {
		if (err.code == LP_ESYSTEM || err.code == LP_EUNSUP)
			return;
		abort();
	}
	lp_mem_reader_open(&mem, b.p, b.len);
	if (lp_tar_open(&t, &mem.reader, &err))
		return;
	if (lp_tar_next(&t, &again, &more, &err)) {
		/* A whiteout's name with ".wh." may be too long for a name. */
		if (err.code == LP_ELIMIT || err.code == LP_ESYSTEM)
			return;
		abort();
	}
	if (!more || again.kind != e->kind || strcmp(again.path, e->path) != 0 ||
	    again.mode != e->mode || again.uid != e->uid || again.gid != e->gid ||
	    again.size != e->size || again.mtime != e->mtime ||
	    again.mtime_ns != e->mtime_ns || again.nxattr != e->nxattr)
		abort();
}

static void read_all(struct lp_tar *t, struct lp_err *err)
{
	struct lp_entry e;
	bool more = true;
	char p[300];

	while (!lp_tar_next(t, &e, &more, err) && more) {
		size_t got = 1;

		if (strlen(e.path) >= LP_PATH_MAX || *e.path == '/')
			abort();
		write_again(&e);
		while (t->at % 3 && got)
			if (lp_read(&t->body, p, sizeof(p), &got, err))
				return;
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	struct drip d = {.reader = {drip_read}, .most = SIZE_MAX};
	struct lp_err err = {0};
	struct lp_tar t = {0};
	uint8_t *copy;

	if (!n)
		return 0;
	if (data[0] < 255)
		d.most = (size_t)data[0] + 1;
	copy = malloc(n);
	if (!copy)
		return 0;
	memcpy(copy, data + 1, n - 1);
	mend(copy, n - 1);
	lp_mem_reader_open(&d.from, copy, n - 1);
	if (!lp_tar_open(&t, &d.reader, &err))
		read_all(&t, &err);
	if (err.code && err.code != LP_ESYSTEM && !err.rule)
		abort();
	lp_tar_free(&t);
	free(copy);
	return 0;
}
