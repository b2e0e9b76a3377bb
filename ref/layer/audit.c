// SPDX-License-Identifier: MIT
#include "layer/audit.h"

#include "layer/device.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

void lp_audit_tell(struct lp_audit *a, const char *name, const struct lp_err *what,
		   const char *remedy)
{
	a->damaged++;
	a->left += !remedy;
	a->tell(a, name, what, remedy);
}

/* Give the data file in @dir the length @bytes; a range that was lost is a hole then. */
static enum lp_code mend_data(struct lp_audit *a, const char *name, int dir, uint64_t want,
			      struct lp_err *err)
{
	LP_AUTO(lp_fd_close) int fd = openat(dir, "data", O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	struct lp_err what = {0};
	uint64_t bytes = 0;

	if (fd < 0)
		return lp_fail_errno(err, "open its data");
	if (lp_file_bytes(fd, &bytes, err))
		return err->code;
	if (bytes == want)
		return LP_OK;
	if (ftruncate(fd, (off_t)want))
		return lp_fail_errno(err, "size its data");
	lp_fail(&what, LP_EFORMAT, LP_NO_OFFSET, "store.device.data",
		"%llu bytes of data for a device of %llu", (unsigned long long)bytes,
		(unsigned long long)want);
	lp_audit_tell(a, name, &what, "it has its length again");
	return LP_OK;
}

/* *lost: there is no ready file, or none that is whole. */
static enum lp_code look_ready(int dir, const struct lp_table *t, bool *lost, struct lp_err *err)
{
	size_t bytes = lp_ready_words(t->layer.nchunk) * sizeof(uint64_t);
	LP_AUTO(lp_buf_free) struct lp_buf words = {0};
	struct lp_ready_id id;
	enum lp_code code;

	if (lp_ready_make(&id, t, err) || lp_buf_reserve(&words, bytes, bytes, err))
		return err->code;
	code = lp_ready_load(dir, &id, (uint64_t *)(void *)words.p, err);
	*lost = code == LP_EMISSING;
	return *lost ? LP_OK : code;
}

/* Whatever can be said before the device is opened, which makes a new ready file. */
static enum lp_code look_closed(struct lp_audit *a, struct lp_store *s, const char *name,
				bool *lost, struct lp_err *err)
{
	LP_AUTO(lp_table_free) struct lp_table t = {.map = {.bytes = 0}};
	LP_AUTO(lp_fd_close) int dir = openat(s->dir, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	LP_AUTO(lp_fd_close) int table = -1;

	if (dir >= 0)
		table = openat(dir, "table", O_RDONLY | O_CLOEXEC);
	if (table < 0)
		return lp_fail(err, errno == ENOENT ? LP_EMISSING : LP_ESYSTEM, LP_NO_OFFSET, NULL,
			       "it has no table");
	if (lp_table_open(&t, table, NULL, err) ||
	    mend_data(a, name, dir, t.layer.device_bytes, err) || look_ready(dir, &t, lost, err))
		return err->code;
	return LP_OK;
}

/* Is there anything but a hole? */
static bool has_data(const struct lp_device *d, const struct lp_chunk *c)
{
	off_t at = lseek(d->data, (off_t)c->device_off, SEEK_DATA);

	return at >= 0 && (uint64_t)at < c->device_off + c->bytes;
}

/* The ready file is lost: what its chunks' digests are right for is there all the same. */
static void recover(struct lp_audit *a, struct lp_device *d)
{
	struct lp_err what = {0};
	uint32_t n = 0;

	for (uint32_t i = 0; i < d->id.nchunk; i++)
		if (has_data(d, &d->table.layer.chunk[i]))
			n += lp_device_recover(d, i);
	lp_fail(&what, LP_EFORMAT, LP_NO_OFFSET, "store.device.ready",
		"the ready file is torn: %u of %u chunks are there", n, d->id.nchunk);
	lp_audit_tell(a, d->name, &what, "it was made again from the data");
}

static enum lp_code verify(struct lp_audit *a, struct lp_device *d, struct lp_err *err)
{
	struct lp_err first = {0}, one;
	uint32_t bad = 0;

	for (uint32_t i = 0; i < d->id.nchunk; i++) {
		enum lp_code code;

		if (!lp_device_chunk_ready(d, i))
			continue;
		a->chunks++;
		a->bytes += d->table.layer.chunk[i].bytes;
		code = lp_device_verify(d, i, &one);
		lp_progress_add(&a->progress, d->table.layer.chunk[i].bytes);
		if (code && code != LP_EDIGEST) {
			*err = one;
			return code;
		}
		if (code && !bad++)
			first = one;
	}
	if (bad > 1)
		lp_within(&first, "%u chunks; the first", bad);
	if (bad)
		lp_audit_tell(a, d->name, &first, "fetched again when it is read");
	return LP_OK;
}

enum lp_code lp_audit_device(struct lp_audit *a, struct lp_store *s, const char *name,
			     bool *usable, struct lp_err *err)
{
	LP_AUTO(lp_device_free) struct lp_device d = {.data = -1, .dir = -1, .held = -1};
	bool lost = false;

	*usable = false;
	if (look_closed(a, s, name, &lost, err) ||
	    lp_device_open(&d, s, name, LP_DEVICE_READ, err))
		return err->code == LP_ESYSTEM ? err->code : LP_OK;
	*usable = true;
	a->devices++;
	if (lost)
		recover(a, &d);
	if (verify(a, &d, err) || lp_device_sync(&d, err))
		return lp_within(err, "%.80s", name);
	return LP_OK;
}
