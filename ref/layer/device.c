// SPDX-License-Identifier: MIT
#include "layer/device.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#define PIECE_BYTES 65536	/* ours: what is read at a time to hash a chunk again */
#define RULE_CHUNK "layer.chunk.digest"

/* Copy all of @from to the new file @name in @dir. */
static enum lp_code copy_file(const struct lp_store *s, int dir, const char *name, int from,
			      struct lp_err *err)
{
	LP_AUTO(lp_fd_close) int fd = openat(dir, name, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	uint8_t piece[PIECE_BYTES];
	uint64_t bytes = 0, off = 0;

	if (fd < 0)
		return lp_fail_errno(err, "create %s", name);
	if (lp_file_bytes(from, &bytes, err))
		return err->code;
	for (size_t n; off < bytes; off += n) {
		n = bytes - off < sizeof(piece) ? (size_t)(bytes - off) : sizeof(piece);
		if (lp_file_pread(from, off, piece, n, err) || lp_file_write(fd, piece, n, err))
			return lp_within(err, "copy %s", name);
	}
	return lp_store_sync(s, fd, err);
}

/* Give the file behind @fd a second name; without /proc, or on another disk, a copy. */
static enum lp_code link_file(const struct lp_store *s, int dir, const char *name, int fd,
			      struct lp_err *err)
{
	char path[64];

	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	if (!linkat(AT_FDCWD, path, dir, name, AT_SYMLINK_FOLLOW))
		return LP_OK;
	return copy_file(s, dir, name, fd, err);
}

/* @data, or a sparse file, as long as the device is. */
static enum lp_code make_data(const struct lp_store *s, int dir, int data, uint64_t device_bytes,
			      struct lp_err *err)
{
	LP_AUTO(lp_fd_close) int fd = -1;
	uint64_t bytes = 0;

	if (data >= 0 && link_file(s, dir, "data", data, err))
		return err->code;
	fd = openat(dir, "data", O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	if (fd < 0)
		return lp_fail_errno(err, "open data");
	if (lp_file_bytes(fd, &bytes, err))
		return err->code;
	if (bytes > device_bytes)
		return lp_fail(err, LP_EFORMAT, device_bytes, "store.device.data",
			       "%llu bytes of data for a device of %llu", (unsigned long long)bytes,
			       (unsigned long long)device_bytes);
	if (fchmod(fd, 0600) || ftruncate(fd, (off_t)device_bytes))
		return lp_fail_errno(err, "size data");
	return lp_store_sync(s, fd, err);
}

static enum lp_code make_ready(const struct lp_store *s, int dir, const struct lp_table *t,
			       bool complete, struct lp_err *err)
{
	size_t bytes = lp_ready_words(t->layer.nchunk) * sizeof(uint64_t);
	LP_AUTO(lp_buf_free) struct lp_buf words = {0};
	struct lp_ready_id id;

	if (lp_ready_make(&id, t, err) || lp_buf_reserve(&words, bytes, bytes, err))
		return err->code;
	memset(words.p, complete ? 0xff : 0, bytes);
	if (complete)
		((uint64_t *)(void *)words.p)[id.nchunk / 64] = ((uint64_t)1 << id.nchunk % 64) - 1;
	return lp_ready_save(dir, &id, (const uint64_t *)(const void *)words.p, !s->later, err);
}

enum lp_code lp_device_create(struct lp_store *s, int table_fd, bool legacy, int data,
			      char name[static LP_STORE_NAME], struct lp_err *err)
{
	LP_AUTO(lp_table_free) struct lp_table t = {0};
	LP_AUTO(lp_fd_close) int dir = -1;
	char stage[LP_STAGE_NAME];
	struct lp_err ignored;

	if (lp_table_open(&t, table_fd, NULL, err))
		return err->code;
	lp_store_device_name(&t.blob, legacy ? NULL : &t.digest, name);
	if (lp_store_has(s, name))
		return LP_OK;
	if (lp_store_stage(s, stage, &dir, err))
		return err->code;
	if (copy_file(s, dir, "table", table_fd, err) ||
	    make_data(s, dir, data, t.layer.device_bytes, err) ||
	    make_ready(s, dir, &t, data >= 0, err) || lp_store_publish(s, stage, name, err)) {
		if (lp_store_remove(s, stage, &ignored))
			lp_within(err, "%s stays behind", stage);
		return lp_within(err, "%.80s", name);
	}
	return LP_OK;
}

/* Open the table and hold it: as long as we live, the device is not removed. */
static enum lp_code hold(struct lp_device *d, struct lp_store *s, struct lp_err *err)
{
	char by_table[LP_STORE_NAME], legacy[LP_STORE_NAME];

	d->dir = openat(s->dir, d->name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (d->dir >= 0)
		d->held = openat(d->dir, "table", O_RDONLY | O_CLOEXEC);
	if (d->held < 0 && errno == ENOENT)
		return lp_fail(err, LP_EMISSING, LP_NO_OFFSET, NULL, "it is not in the store");
	if (d->held < 0)
		return lp_fail_errno(err, "open its table");
	while (flock(d->held, LOCK_SH))
		if (errno != EINTR)
			return lp_fail_errno(err, "lock its table");
	/* Whoever removes it had the lock first: then its name is gone by now. */
	if (!lp_store_has(s, d->name))
		return lp_fail(err, LP_EMISSING, LP_NO_OFFSET, NULL, "it was removed");
	if (lp_table_open(&d->table, d->held, NULL, err))
		return err->code;
	lp_store_device_name(&d->table.blob, &d->table.digest, by_table);
	lp_store_device_name(&d->table.blob, NULL, legacy);
	if (strcmp(d->name, by_table) && strcmp(d->name, legacy))
		return lp_fail(err, LP_EDIGEST, LP_NO_OFFSET, "store.table.digest",
			       "its table is that of %.150s", by_table);
	return LP_OK;
}

/* d->data is the file that the device has? */
static enum lp_code check_same(const struct lp_device *d, struct lp_err *err)
{
	struct stat mine, its;

	if (fstat(d->data, &mine) || fstatat(d->dir, "data", &its, AT_SYMLINK_NOFOLLOW))
		return lp_fail_errno(err, "look at its data");
	if (mine.st_dev != its.st_dev || mine.st_ino != its.st_ino)
		return lp_fail(err, LP_EFORMAT, LP_NO_OFFSET, "store.device.data",
			       "the descriptor is of another file");
	return LP_OK;
}

/* d->data is open, or is opened by @flags. */
static enum lp_code open_parts(struct lp_device *d, struct lp_store *s, int flags,
			       struct lp_err *err)
{
	bool adopted = d->data >= 0;
	uint64_t bytes = 0;

	if (hold(d, s, err) || (adopted && check_same(d, err)))
		return err->code;
	if (!adopted)
		d->data = openat(d->dir, "data", flags | O_CLOEXEC);
	if (d->data < 0)
		return lp_fail_errno(err, "open its data");
	if (lp_file_bytes(d->data, &bytes, err))
		return err->code;
	if (bytes != d->table.layer.device_bytes)
		return lp_fail(err, LP_EFORMAT, LP_NO_OFFSET, "store.device.data",
			       "%llu bytes of data for a device of %llu", (unsigned long long)bytes,
			       (unsigned long long)d->table.layer.device_bytes);
	d->id.nchunk = d->table.layer.nchunk;
	memcpy(d->id.table, d->table.digest.b, sizeof(d->id.table));
	return lp_live_open(&d->live, s, d->name, d->dir, &d->id, err);
}

enum lp_code lp_device_open(struct lp_device *d, struct lp_store *s, const char *name,
			    enum lp_device_mode mode, struct lp_err *err)
{
	*d = (struct lp_device){.data = -1, .dir = -1, .held = -1};
	snprintf(d->name, sizeof(d->name), "%s", name);
	if (open_parts(d, s, mode == LP_DEVICE_WRITE ? O_RDWR : O_RDONLY, err)) {
		lp_device_free(d);
		return lp_within(err, "device %.80s", name);
	}
	return LP_OK;
}

enum lp_code lp_device_adopt(struct lp_device *d, struct lp_store *s, const char *name, int data,
			     struct lp_err *err)
{
	*d = (struct lp_device){.data = data, .dir = -1, .held = -1};
	snprintf(d->name, sizeof(d->name), "%s", name);
	if (open_parts(d, s, O_RDWR, err)) {
		lp_device_free(d);
		return lp_within(err, "device %.80s", name);
	}
	return LP_OK;
}

void lp_device_free(struct lp_device *d)
{
	/* Opened devices have a name: {0} owns no descriptor 0. */
	if (d->name[0]) {
		lp_fd_close(&d->data);
		lp_fd_close(&d->dir);
		lp_fd_close(&d->held);
	}
	lp_live_free(&d->live);
	lp_table_free(&d->table);
	*d = (struct lp_device){.data = -1, .dir = -1, .held = -1};
}

bool lp_device_chunk_ready(const struct lp_device *d, uint32_t chunk)
{
	uint64_t word = atomic_load_explicit(&d->live.word[chunk / 64], memory_order_acquire);

	return word >> chunk % 64 & 1;
}

bool lp_device_ready(const struct lp_device *d, uint64_t off, uint64_t bytes)
{
	uint32_t i, end;

	lp_layer_range(&d->table.layer, off, bytes, &i, &end);
	while (i < end) {
		uint64_t word = atomic_load_explicit(&d->live.word[i / 64], memory_order_acquire);
		uint32_t bits = 64 - i % 64 < end - i ? 64 - i % 64 : end - i;
		uint64_t mask = (bits == 64 ? UINT64_MAX : ((uint64_t)1 << bits) - 1) << i % 64;

		if ((word & mask) != mask)
			return false;
		i += bits;
	}
	return true;
}

/* Whoever sees the bit sees the bytes: pwrite happens before, in every process. */
static void set_bit(struct lp_device *d, uint32_t i)
{
	atomic_fetch_or_explicit(&d->live.word[i / 64], (uint64_t)1 << i % 64,
				 memory_order_release);
}

/* LP_OK if the bytes of chunk @i have digest @got. */
static enum lp_code compare(const struct lp_device *d, uint32_t i, const struct lp_digest *got,
			    const char *rule, struct lp_err *err)
{
	const struct lp_chunk *c = &d->table.layer.chunk[i];
	struct lp_digest want;
	char what[80];

	lp_layer_digest(&d->table.layer, i, &want);
	snprintf(what, sizeof(what), "chunk %u, byte %llu of its frame,", i,
		 (unsigned long long)c->frame_off);
	return lp_digest_check(got, &want, d->table.layer.frame[c->frame].off, rule, what, err);
}

enum lp_code lp_device_write(struct lp_device *d, uint32_t i, const void *p, struct lp_err *err)
{
	const struct lp_chunk *c = &d->table.layer.chunk[i];
	struct lp_digest got;

	lp_digest_of((enum lp_alg)c->alg, p, (size_t)c->bytes, &got);
	if (compare(d, i, &got, RULE_CHUNK, err) ||
	    lp_file_pwrite(d->data, c->device_off, p, (size_t)c->bytes, err))
		return err->code;
	set_bit(d, i);
	return LP_OK;
}

static enum lp_code write_piece(struct lp_writer *writer, const void *p, size_t n,
				struct lp_err *err)
{
	struct lp_chunk_writer *w = (struct lp_chunk_writer *)writer;
	const struct lp_chunk *c = &w->d->table.layer.chunk[w->i];

	if (n > c->bytes - w->done)
		return lp_fail(err, LP_EUSAGE, LP_NO_OFFSET, NULL, "more bytes than chunk %u has",
			       w->i);
	if (lp_file_pwrite(w->d->data, c->device_off + w->done, p, n, err))
		return err->code;
	lp_hash_add(&w->hash, p, n);
	w->done += n;
	return LP_OK;
}

enum lp_code lp_chunk_writer_open(struct lp_chunk_writer *w, struct lp_device *d, uint32_t i,
				  struct lp_err *err)
{
	*w = (struct lp_chunk_writer){.writer = {write_piece}, .d = d, .i = i};
	return lp_hash_begin(&w->hash, (enum lp_alg)d->table.layer.chunk[i].alg, err);
}

enum lp_code lp_chunk_writer_end(struct lp_chunk_writer *w, struct lp_err *err)
{
	const struct lp_chunk *c = &w->d->table.layer.chunk[w->i];
	struct lp_digest got;

	if (w->done != c->bytes)
		return lp_fail(err, LP_ESHORT, w->done, NULL, "chunk %u ends after %llu bytes", w->i,
			       (unsigned long long)w->done);
	lp_hash_end(&w->hash, &got);
	if (compare(w->d, w->i, &got, RULE_CHUNK, err))
		return err->code;
	set_bit(w->d, w->i);
	return LP_OK;
}

void lp_chunk_writer_free(struct lp_chunk_writer *w)
{
	lp_hash_free(&w->hash);
}

/* After an error the kernel drops pages it could not write: only what is on the disk counts. */
static void unready(struct lp_device *d, uint64_t *words)
{
	struct lp_ready_id id = d->id;
	size_t n = lp_ready_words(d->id.nchunk);
	struct lp_err ignored;

	if (lp_ready_load(d->dir, &id, words, &ignored))
		memset(words, 0, n * sizeof(*words));
	for (size_t i = 0; i < n; i++)
		atomic_fetch_and_explicit(&d->live.word[i], words[i], memory_order_acq_rel);
}

enum lp_code lp_device_sync(struct lp_device *d, struct lp_err *err)
{
	size_t n = lp_ready_words(d->id.nchunk), bytes = n * sizeof(uint64_t);
	LP_AUTO(lp_buf_free) struct lp_buf room = {0};
	LP_AUTO(lp_fd_close) int lock = -1;
	uint32_t count = 0;
	uint64_t *words;

	if (lp_buf_reserve(&room, bytes, bytes, err) || lp_ready_lock(d->dir, &lock, err))
		return err->code;
	words = (uint64_t *)(void *)room.p;
	for (size_t i = 0; i < n; i++) {
		words[i] = atomic_load_explicit(&d->live.word[i], memory_order_acquire);
		count += (uint32_t)__builtin_popcountll(words[i]);
	}
	if (count + 1 == d->saved)
		return LP_OK;
	if (fdatasync(d->data)) {
		lp_fail_errno(err, "sync device %.80s", d->name);
		unready(d, words);
		return err->code;
	}
	if (lp_ready_save(d->dir, &d->id, words, true, err))
		return err->code;
	d->saved = count + 1;
	return LP_OK;
}

void lp_device_count(const struct lp_device *d, uint32_t *chunks, uint64_t *bytes)
{
	*chunks = 0;
	*bytes = 0;
	for (uint32_t i = 0; i < d->id.nchunk; i++) {
		if (!lp_device_chunk_ready(d, i))
			continue;
		++*chunks;
		*bytes += d->table.layer.chunk[i].bytes;
	}
}

/* Hash what lies at the place of chunk @i. */
static enum lp_code hash_chunk(const struct lp_device *d, uint32_t i, struct lp_digest *out,
			       struct lp_err *err)
{
	const struct lp_chunk *c = &d->table.layer.chunk[i];
	LP_AUTO(lp_hash_free) struct lp_hash hash = {0};
	uint8_t piece[PIECE_BYTES];

	if (lp_hash_begin(&hash, (enum lp_alg)c->alg, err))
		return err->code;
	for (uint64_t off = 0, n; off < c->bytes; off += n) {
		n = c->bytes - off < sizeof(piece) ? c->bytes - off : sizeof(piece);
		if (lp_file_pread(d->data, c->device_off + off, piece, (size_t)n, err))
			return err->code;
		lp_hash_add(&hash, piece, (size_t)n);
	}
	lp_hash_end(&hash, out);
	return LP_OK;
}

enum lp_code lp_device_verify(struct lp_device *d, uint32_t i, struct lp_err *err)
{
	struct lp_digest got;

	if (hash_chunk(d, i, &got, err))
		return err->code;
	if (compare(d, i, &got, "store.device.chunk", err)) {
		atomic_fetch_and_explicit(&d->live.word[i / 64], ~((uint64_t)1 << i % 64),
					  memory_order_acq_rel);
		d->saved = 0;
		return err->code;
	}
	return LP_OK;
}

bool lp_device_recover(struct lp_device *d, uint32_t i)
{
	struct lp_digest got;
	struct lp_err absent;

	if (hash_chunk(d, i, &got, &absent) || compare(d, i, &got, RULE_CHUNK, &absent))
		return false;
	set_bit(d, i);
	return true;
}

enum lp_code lp_device_remove(struct lp_store *s, const char *name, struct lp_err *err)
{
	char path[LP_STORE_NAME + 8];
	LP_AUTO(lp_fd_close) int table = -1;

	snprintf(path, sizeof(path), "%s/table", name);
	table = openat(s->dir, path, O_RDONLY | O_CLOEXEC);
	if (table >= 0 && flock(table, LOCK_EX | LOCK_NB))
		return lp_fail_errno(err, "device %.80s is in use", name);
	if (lp_store_remove(s, name, err))
		return err->code;
	lp_live_remove(s, name);
	return LP_OK;
}
