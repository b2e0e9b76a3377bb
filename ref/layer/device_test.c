// SPDX-License-Identifier: MIT
#include "layer/device.h"
#include "testing/dir.h"
#include "testing/sample.h"
#include "testing/test.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/wait.h>

#define BOOT2 "11111111-2222-3333-4444-555555555555"

static const struct sample_shape shape = {.seed = 1, .nchunk = 130, .bytes_max = 9000,
					  .per_frame = 3};

/* A store, a sample, and its device, empty. */
struct world {
	char root[TEST_DIR];
	struct lp_store s;
	struct sample sample;
	char name[LP_STORE_NAME];
};

static bool begin(struct world *w)
{
	struct lp_err err = {0};
	char path[TEST_DIR + 8];

	*w = (struct world){.sample.table = -1};
	test_dir_make(w->root);
	snprintf(path, sizeof(path), "%s/store", w->root);
	return CHECK(!lp_store_open(&w->s, path, &err) && !sample_make(&w->sample, &shape, &err) &&
		     !lp_device_create(&w->s, w->sample.table, false, -1, w->name, &err),
		     "a device is made %s", err.msg);
}

static void end(struct world *w)
{
	if (w->s.run[0])
		test_dir_remove(w->s.run);
	lp_store_free(&w->s);
	sample_free(&w->sample);
	test_dir_remove(w->root);
}

static enum lp_code write_chunk(struct world *w, struct lp_device *d, uint32_t i,
				struct lp_err *err)
{
	if (i >= d->table.layer.nchunk)
		return lp_fail(err, LP_EUSAGE, LP_NO_OFFSET, NULL, "the device is not open");
	return lp_device_write(d, i, w->sample.plain.p + d->table.layer.chunk[i].device_off, err);
}

/* Every chunk of [0, nchunk) that is ready has its bytes; returns how many are ready. */
static int right(const struct world *w, const struct lp_device *d)
{
	int n = 0;

	for (uint32_t i = 0; i < d->table.layer.nchunk; i++) {
		const struct lp_chunk *c = &d->table.layer.chunk[i];
		uint8_t got[9000];

		if (!lp_device_chunk_ready(d, i))
			continue;
		if (pread(d->data, got, c->bytes, (off_t)c->device_off) != (ssize_t)c->bytes ||
		    memcmp(got, w->sample.plain.p + c->device_off, c->bytes))
			return -1;
		n++;
	}
	return n;
}

static void check_ready(struct world *w)
{
	LP_AUTO(lp_device_free) struct lp_device d = {0};
	const struct lp_chunk *c;
	struct lp_err err = {0};
	uint32_t chunks;
	uint64_t bytes;
	uint8_t zero[9000] = {0}, got[9000];

	if (!CHECK(!lp_device_open(&d, &w->s, w->name, LP_DEVICE_WRITE, &err), "opens %s", err.msg))
		return;
	c = d.table.layer.chunk;
	CHECK(!lp_device_ready(&d, 0, 1) && !lp_device_ready(&d, 0, UINT64_MAX), "nothing is ready");
	CHECK(lp_device_ready(&d, 0, 0) &&
	      lp_device_ready(&d, d.table.layer.device_bytes, UINT64_MAX), "but what no chunk covers");
	CHECK(lp_device_write(&d, 0, zero, &err) == LP_EDIGEST && err.rule &&
	      !strcmp(err.rule, "layer.chunk.digest") && err.at == 0, "wrong bytes: %s", err.msg);
	CHECK(!lp_device_chunk_ready(&d, 0) && pread(d.data, got, c[0].bytes, 0) > 0 &&
	      !memcmp(got, zero, c[0].bytes), "are not written");
	CHECK(!write_chunk(w, &d, 0, &err) && lp_device_ready(&d, 0, c[0].bytes) &&
	      lp_device_ready(&d, 0, c[1].device_off), "right ones are, up to the next chunk");
	CHECK(!lp_device_ready(&d, 0, c[1].device_off + 1), "and not into it");
	for (uint32_t i = 60; i < 130; i++)
		if (write_chunk(w, &d, i, &err))
			CHECK(false, "chunk %u: %s", i, err.msg);
	CHECK(lp_device_ready(&d, c[60].device_off, UINT64_MAX) &&
	      lp_device_ready(&d, c[63].device_off, c[129].device_off - c[63].device_off) &&
	      !lp_device_ready(&d, c[59].device_off, UINT64_MAX), "ranges across words");
	lp_device_count(&d, &chunks, &bytes);
	CHECK(chunks == 71 && right(w, &d) == 71 && bytes > c[129].device_off - c[60].device_off -
	      70 * LP_BLOCK, "%u chunks, %llu bytes", chunks, (unsigned long long)bytes);
}

/* Bits that another process sets are seen here at once. */
static void check_shared(struct world *w)
{
	LP_AUTO(lp_device_free) struct lp_device d = {0};
	struct lp_err err = {0};
	int status = 1;
	pid_t pid;

	if (lp_device_open(&d, &w->s, w->name, LP_DEVICE_READ, &err))
		return;
	CHECK(lp_device_chunk_ready(&d, 129) && !lp_device_chunk_ready(&d, 5), "bits are shared");
	pid = fork();
	if (!pid) {
		struct lp_device mine;

		_exit(lp_device_open(&mine, &w->s, w->name, LP_DEVICE_WRITE, &err) ||
		      write_chunk(w, &mine, 5, &err));
	}
	CHECK(waitpid(pid, &status, 0) == pid && !status && lp_device_chunk_ready(&d, 5) &&
	      right(w, &d) == 72, "also later");
	CHECK(lp_device_remove(&w->s, w->name, &err) == LP_ESYSTEM && err.sys == EWOULDBLOCK,
	      "a device in use is not removed: %s", err.msg);
}

static void check_boot(struct world *w)
{
	LP_AUTO(lp_device_free) struct lp_device d = {0};
	char boot[sizeof(w->s.boot)];
	struct lp_err err = {0};

	memcpy(boot, w->s.boot, sizeof(boot));
	memcpy(w->s.boot, BOOT2, sizeof(boot));
	CHECK(!lp_device_open(&d, &w->s, w->name, LP_DEVICE_WRITE, &err) && !right(w, &d),
	      "a boot later, unsynced bits are gone");
	CHECK(!write_chunk(w, &d, 7, &err) && !write_chunk(w, &d, 8, &err) &&
	      !lp_device_sync(&d, &err) && !write_chunk(w, &d, 9, &err), "two synced, one not");
	lp_device_free(&d);
	w->s.boot[0] = '2';
	CHECK(!lp_device_open(&d, &w->s, w->name, LP_DEVICE_WRITE, &err) && right(w, &d) == 2 &&
	      lp_device_chunk_ready(&d, 7) && !lp_device_chunk_ready(&d, 9), "two are left");
	lp_device_free(&d);
	memcpy(w->s.boot, boot, sizeof(boot));
	CHECK(!lp_device_open(&d, &w->s, w->name, LP_DEVICE_WRITE, &err) && right(w, &d) == 72,
	      "this boot's live bits are still this boot's");
}

/* Each byte of the ready file damaged: no bits, never wrong ones. */
static void check_torn(struct world *w)
{
	LP_AUTO(lp_buf_free) struct lp_buf ready = {0};
	char path[LP_STORE_NAME + 8], boot[sizeof(w->s.boot)];
	struct lp_err err = {0};
	size_t none = 0;

	snprintf(path, sizeof(path), "%s/ready", w->name);
	memcpy(boot, w->s.boot, sizeof(boot));
	if (!CHECK(!lp_file_load(w->s.dir, path, 4096, &ready, &err), "a ready file"))
		return;
	for (size_t i = 0; i < ready.len && !(i && test_tortured()); i++) {
		LP_AUTO(lp_device_free) struct lp_device d = {0};

		snprintf(w->s.boot, sizeof(w->s.boot), "%08zx", i);
		ready.p[i] ^= 8;
		none += !lp_file_save(w->s.dir, path, ready.p, i % 3 ? ready.len : i, &err) &&
			!lp_device_open(&d, &w->s, w->name, LP_DEVICE_READ, &err) && !right(w, &d);
		ready.p[i] ^= 8;
	}
	CHECK(none == (test_tortured() ? 1 : ready.len),
	      "%zu damaged ready files, %zu without bits", ready.len, none);
	memcpy(w->s.boot, boot, sizeof(boot));
}

/* The same name in the same directory again: nothing of the old bits is believed. */
static void check_reborn(struct world *w)
{
	LP_AUTO(lp_device_free) struct lp_device d = {0};
	char name[LP_STORE_NAME];
	struct lp_err err = {0};

	CHECK(!lp_store_remove(&w->s, w->name, &err), "removed behind the back of the live bits");
	CHECK(lp_device_open(&d, &w->s, w->name, LP_DEVICE_READ, &err) == LP_EMISSING, "%s",
	      err.msg);
	CHECK(!lp_device_create(&w->s, w->sample.table, false, -1, name, &err) &&
	      !strcmp(name, w->name) && !lp_device_open(&d, &w->s, name, LP_DEVICE_WRITE, &err) &&
	      !right(w, &d), "made again: no bits");
	CHECK(!write_chunk(w, &d, 3, &err) && !lp_device_verify(&d, 3, &err), "a chunk verifies");
	if (!d.table.layer.nchunk)
		return;
	CHECK(pwrite(d.data, "?", 1, (off_t)d.table.layer.chunk[3].device_off) == 1 &&
	      lp_device_verify(&d, 3, &err) == LP_EDIGEST && err.rule &&
	      !strcmp(err.rule, "store.device.chunk") && !lp_device_chunk_ready(&d, 3),
	      "a damaged one does not, and is not ready any more");
	lp_device_free(&d);
	CHECK(!lp_device_remove(&w->s, name, &err) && !lp_store_has(&w->s, name) &&
	      lp_device_remove(&w->s, name, &err) == LP_EMISSING, "removed, once");
}

static void check_legacy(struct world *w)
{
	LP_AUTO(lp_fd_close) int data = open(w->root, O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
	LP_AUTO(lp_device_free) struct lp_device d = {0};
	char name[LP_STORE_NAME];
	struct lp_err err = {0};

	CHECK(!lp_file_write(data, w->sample.plain.p, w->sample.plain.len - 10, &err) &&
	      !lp_device_create(&w->s, w->sample.table, true, data, name, &err) &&
	      strlen(name) == 8 + 64, "a complete device %s", err.msg);
	CHECK(!lp_device_open(&d, &w->s, name, LP_DEVICE_READ, &err) &&
	      lp_device_ready(&d, 0, UINT64_MAX) && right(w, &d) == 130, "is complete");
	CHECK(!lp_device_create(&w->s, w->sample.table, true, -1, name, &err), "once");
	lp_device_free(&d);
	CHECK(!ftruncate(data, (off_t)w->sample.plain.len + 1) && !lp_device_remove(&w->s, name, &err) &&
	      lp_device_create(&w->s, w->sample.table, true, data, name, &err) == LP_EFORMAT &&
	      err.rule && !strcmp(err.rule, "store.device.data") && !lp_store_has(&w->s, name),
	      "data that is too long makes no device: %s", err.msg);
}

static void check_pieces(struct world *w)
{
	LP_AUTO(lp_device_free) struct lp_device d = {0};
	LP_AUTO(lp_chunk_writer_free) struct lp_chunk_writer c = {0};
	char name[LP_STORE_NAME];
	struct lp_err err = {0};
	const uint8_t *p;
	size_t n;

	if (lp_device_create(&w->s, w->sample.table, false, -1, name, &err) ||
	    lp_device_open(&d, &w->s, name, LP_DEVICE_WRITE, &err))
		return;
	p = w->sample.plain.p + d.table.layer.chunk[1].device_off;
	n = (size_t)d.table.layer.chunk[1].bytes;
	CHECK(!lp_chunk_writer_open(&c, &d, 1, &err) && !lp_write(&c.writer, p, n - 1, &err) &&
	      lp_chunk_writer_end(&c, &err) == LP_ESHORT && !lp_device_chunk_ready(&d, 1),
	      "a byte too few: %s", err.msg);
	CHECK(!lp_write(&c.writer, p + n - 1, 1, &err) && !lp_chunk_writer_end(&c, &err) &&
	      lp_device_chunk_ready(&d, 1) && right(w, &d) == 1, "all of them");
	CHECK(!lp_chunk_writer_open(&c, &d, 2, &err) && lp_write(&c.writer, p, 9001, &err),
	      "a byte too many: %s", err.msg);
	lp_chunk_writer_free(&c);
	CHECK(!lp_chunk_writer_open(&c, &d, 2, &err) &&
	      !lp_write(&c.writer, p, d.table.layer.chunk[2].bytes, &err) &&
	      lp_chunk_writer_end(&c, &err) == LP_EDIGEST && !lp_device_chunk_ready(&d, 2),
	      "wrong ones: %s", err.msg);
}

static void check_wrong_table(struct world *w)
{
	static const struct sample_shape other = {.seed = 2, .nchunk = 3, .bytes_max = 100,
						  .per_frame = 1};
	LP_AUTO(lp_device_free) struct lp_device d = {0};
	struct sample s = {.table = -1};
	struct lp_err err = {0};
	char path[LP_STORE_NAME + 8];
	uint8_t table[4096];
	ssize_t n;

	if (sample_make(&s, &other, &err)) {
		sample_free(&s);
		return;
	}
	n = pread(s.table, table, sizeof(table), 0);
	snprintf(path, sizeof(path), "%s/table", w->name);
	CHECK(n > 0 && !lp_file_save(w->s.dir, path, table, (size_t)n, &err) &&
	      lp_device_open(&d, &w->s, w->name, LP_DEVICE_READ, &err) == LP_EDIGEST && err.rule &&
	      !strcmp(err.rule, "store.table.digest"), "another device's table: %s", err.msg);
	sample_free(&s);
}

int main(void)
{
	struct world w;

	if (begin(&w)) {
		check_ready(&w);
		check_shared(&w);
		check_boot(&w);
		check_torn(&w);
		check_reborn(&w);
		check_legacy(&w);
		check_pieces(&w);
		check_wrong_table(&w);
	}
	end(&w);
	return test_done();
}
