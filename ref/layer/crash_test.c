// SPDX-License-Identifier: MIT
/*
 * crash - no wrong byte after a restart: a writer that is killed at every step, and a machine
 * that loses any of the writes that were not synced.
 */
#include "layer/device.h"
#include "testing/dir.h"
#include "testing/sample.h"
#include "testing/steps.h"
#include "testing/test.h"

#include <stdatomic.h>
#include <sys/wait.h>

#define CHUNKS 24
#define SECTOR 512	/* bytes: what a disk writes whole */

static const struct sample_shape shape = {.seed = 31, .nchunk = CHUNKS, .bytes_max = 9000,
					  .per_frame = 2};

/* The test's own directory, store and sample; how many chunks the child has synced. */
static char root[TEST_DIR], store_path[TEST_DIR + 8];
static struct sample sample;
static _Atomic uint32_t *synced;

static enum lp_code open_store(struct lp_store *s, unsigned boot, struct lp_err *err)
{
	enum lp_code code = lp_store_open(s, store_path, err);

	/* Every boot of the model has its own number. */
	if (!code)
		snprintf(s->boot, sizeof(s->boot), "%08x-0000-0000-0000-000000000000", boot);
	return code;
}

static const uint8_t *bytes_of(const struct lp_device *d, uint32_t i)
{
	return sample.plain.p + d->table.layer.chunk[i].device_off;
}

static enum lp_code write_chunks(struct lp_device *d, uint32_t first, uint32_t end,
				 struct lp_err *err)
{
	for (uint32_t i = first; i < end; i++)
		if (lp_device_write(d, i, bytes_of(d, i), err))
			return err->code;
	return LP_OK;
}

static enum lp_code write_pieces(struct lp_device *d, uint32_t i, struct lp_err *err)
{
	LP_AUTO(lp_chunk_writer_free) struct lp_chunk_writer w = {0};
	size_t n = (size_t)d->table.layer.chunk[i].bytes;

	if (lp_chunk_writer_open(&w, d, i, err) ||
	    lp_write(&w.writer, bytes_of(d, i), n / 3, err) ||
	    lp_write(&w.writer, bytes_of(d, i) + n / 3, n - n / 3, err))
		return err->code;
	return lp_chunk_writer_end(&w, err);
}

static enum lp_code sync_chunks(struct lp_device *d, uint32_t n, struct lp_err *err)
{
	if (lp_device_sync(d, err))
		return err->code;
	*synced = n;
	return LP_OK;
}

/* The life of a writer: all that it does is done in steps. */
static enum lp_code live(struct lp_store *s, struct lp_err *err)
{
	LP_AUTO(lp_device_free) struct lp_device d = {0};
	char name[LP_STORE_NAME];

	if (lp_device_create(s, sample.table, false, -1, name, err) ||
	    lp_device_open(&d, s, name, LP_DEVICE_WRITE, err) || write_chunks(&d, 0, 6, err) ||
	    sync_chunks(&d, 6, err) || write_chunks(&d, 6, 12, err) ||
	    write_pieces(&d, 12, err) || sync_chunks(&d, 13, err) ||
	    write_chunks(&d, 13, CHUNKS, err))
		return err->code;
	return sync_chunks(&d, CHUNKS, err);
}

/* How many chunks are ready; -1: one of them is wrong. */
static int count_right(const struct lp_device *d)
{
	int n = 0;

	for (uint32_t i = 0; i < CHUNKS; i++) {
		const struct lp_chunk *c = &d->table.layer.chunk[i];
		uint8_t got[9000];

		if (!lp_device_chunk_ready(d, i))
			continue;
		if (pread(d->data, got, c->bytes, (off_t)c->device_off) != (ssize_t)c->bytes ||
		    memcmp(got, bytes_of(d, i), c->bytes))
			return -1;
		n++;
	}
	return n;
}

/* Open the device under @boot; -2: there is none, -3: it does not open. */
static int look(unsigned boot, bool complete)
{
	LP_AUTO(lp_store_free) struct lp_store s = {0};
	LP_AUTO(lp_device_free) struct lp_device d = {0};
	char name[LP_STORE_NAME];
	struct lp_err err = {0};
	int n;

	lp_store_device_name(&sample.digest, &sample.table_digest, name);
	if (open_store(&s, boot, &err) || lp_store_sweep(&s, &err))
		return -3;
	if (lp_device_open(&d, &s, name, LP_DEVICE_WRITE, &err)) {
		if (err.code != LP_EMISSING || lp_store_has(&s, name))
			printf("# %s\n", err.msg);
		return err.code == LP_EMISSING && !lp_store_has(&s, name) ? -2 : -3;
	}
	n = count_right(&d);
	if (complete && (write_chunks(&d, 0, CHUNKS, &err) || lp_device_sync(&d, &err) ||
			 count_right(&d) != CHUNKS))
		return -3;
	return n;
}

static bool is_swept(void)
{
	LP_AUTO(lp_store_free) struct lp_store s = {0};
	struct lp_err err;
	char path[TEST_DIR + 16];

	if (open_store(&s, 1, &err))
		return false;
	snprintf(path, sizeof(path), "%s/tmp", store_path);
	return !rmdir(path) && !mkdir(path, 0700);
}

static void forget_device(void)
{
	LP_AUTO(lp_store_free) struct lp_store s = {0};
	char name[LP_STORE_NAME];
	struct lp_err err;

	lp_store_device_name(&sample.digest, &sample.table_digest, name);
	if (!open_store(&s, 1, &err) && lp_device_remove(&s, name, &err) &&
	    err.code != LP_EMISSING)
		printf("# %s\n", err.msg);
}

/* Run a writer that dies at step @at; false: it lived. */
static bool dies(long at, enum step_how how)
{
	LP_AUTO(lp_store_free) struct lp_store s = {0};
	struct lp_err err;
	int status = 0;
	pid_t pid;

	*synced = 0;
	fflush(stdout);
	pid = fork();
	if (!pid) {
		if (open_store(&s, 1, &err))
			_exit(1);
		steps.n = 0;
		steps.how = how;
		steps.die_at = at;
		_exit(live(&s, &err) ? 1 : 0);
	}
	if (waitpid(pid, &status, 0) != pid || (WIFEXITED(status) && WEXITSTATUS(status)))
		CHECK(false, "a writer that is not killed does its work");
	return WIFSIGNALED(status);
}

/* Killed before, in the middle of, and after each step. */
static void check_killed(enum step_how how, const char *word)
{
	unsigned wrong = 0, lost = 0, broken = 0, left = 0;
	long at = 1;

	for (; dies(at, how); at++) {
		/* The same boot: the kernel has what was written. */
		int now = look(1, false), later;

		left += !is_swept();
		/* The next one, in which nothing of the disk was lost. */
		later = look(1000 + (unsigned)at, true);
		wrong += now == -1 || later == -1;
		broken += now == -3 || later == -3;
		lost += (now >= 0 ? (uint32_t)now : 0) < *synced ||
			(later >= 0 ? (uint32_t)later : 0) < *synced;
		forget_device();
	}
	forget_device();
	CHECK(at > 50, "killed %s each of %ld steps", word, at - 1);
	CHECK(!wrong, "no wrong byte is ready");
	CHECK(!lost, "nothing that was synced is lost");
	CHECK(!broken, "each time it opens, and can be completed");
	CHECK(!left, "and nothing is left below tmp");
}

/* A file of the model: what the disk has for sure, and writes that it may have. */
struct disk_file {
	ino_t file;
	uint8_t *p;		/* [max] as synced */
	size_t bytes;
	size_t pending[256];	/* log entries since */
	size_t npending;
};

#define FILE_MAX ((size_t)1 << 18)

struct disk {
	struct disk_file file[32];
	size_t n;
	ino_t ready[32];	/* what "ready" has been renamed from, in order */
	size_t nready;
};

static struct disk_file *file_of(struct disk *d, ino_t file)
{
	for (size_t i = 0; i < d->n; i++)
		if (d->file[i].file == file)
			return &d->file[i];
	d->file[d->n] = (struct disk_file){.file = file, .p = calloc(1, FILE_MAX)};
	return &d->file[d->n++];
}

static void apply(struct disk_file *f, const struct log_entry *e, size_t from, size_t n)
{
	memcpy(f->p + e->off + from, e->p + from, n);
	if (e->off + from + n > f->bytes)
		f->bytes = e->off + from + n;
}

/* Replay entry @i; @deaf: a disk that does not sync file @deaf. */
static void replay(struct disk *d, size_t i, ino_t deaf)
{
	const struct log_entry *e = &step_log.entry[i];
	struct disk_file *f = file_of(d, e->file);

	if (e->what == LOG_WRITE) {
		f->pending[f->npending++] = i;
	} else if (e->what == LOG_SYNC && e->file != deaf) {
		for (size_t k = 0; k < f->npending; k++)
			apply(f, &step_log.entry[f->pending[k]], 0,
			      step_log.entry[f->pending[k]].bytes);
		f->npending = 0;
	} else if (e->what == LOG_RENAME && !strcmp(e->name, "ready")) {
		d->ready[d->nready++] = e->file;
	}
}

/* What the power failure does with each sector that was not synced. */
enum loss { LOSE_ALL, LOSE_NONE, LOSE_SOME, LOSSES = 6 };

static void lose(struct disk_file *f, enum loss loss, uint32_t *state)
{
	for (size_t k = 0; k < f->npending && loss != LOSE_ALL; k++) {
		const struct log_entry *e = &step_log.entry[f->pending[k]];

		for (size_t at = 0, n; at < e->bytes; at += n) {
			n = e->bytes - at < SECTOR ? e->bytes - at : SECTOR;
			if (loss == LOSE_NONE || sample_random(state) & 1)
				apply(f, e, at, n);
		}
	}
}

static void free_disk(struct disk *d)
{
	for (size_t i = 0; i < d->n; i++)
		free(d->file[i].p);
}

/* Put the model's files into the device @name of @s. */
static bool put(struct lp_store *s, const char *name, const struct disk_file *data,
		const struct disk_file *ready)
{
	char path[LP_STORE_NAME + 8];
	struct lp_err err;

	snprintf(path, sizeof(path), "%s/data", name);
	if (lp_file_save(s->dir, path, data->p, sample.plain.len, &err))
		return false;
	snprintf(path, sizeof(path), "%s/ready", name);
	return !lp_file_save(s->dir, path, ready->p, ready->bytes, &err);
}

/*
 * The machine stops after @steps entries of the log and comes back.  @old: how many of the
 * last renames had not reached the disk.  Returns what look() says.
 */
static int fail_after(size_t nsteps, enum loss loss, size_t old, ino_t data, ino_t deaf)
{
	static unsigned boot = 100000;
	LP_AUTO(lp_store_free) struct lp_store s = {0};
	struct disk *d = calloc(1, sizeof(*d));
	uint32_t state = (uint32_t)nsteps * 31 + (uint32_t)loss;
	char name[LP_STORE_NAME];
	struct lp_err err;
	int n = -3;

	lp_store_device_name(&sample.digest, &sample.table_digest, name);
	for (size_t i = 0; d && i < nsteps; i++)
		replay(d, i, deaf);
	for (size_t i = 0; d && i < d->n; i++)
		lose(&d->file[i], loss, &state);
	if (d && d->nready > old && !open_store(&s, 1, &err) &&
	    put(&s, name, file_of(d, data), file_of(d, d->ready[d->nready - 1 - old])))
		n = look(++boot, false);
	if (d && d->nready <= old)
		n = -2;
	if (d)
		free_disk(d);
	free(d);
	return n;
}

/* Every prefix of the log, every kind of loss, renames that have come or not. */
static void fail_everywhere(ino_t data, ino_t deaf, unsigned *wrong, unsigned *broken,
			    unsigned *most)
{
	for (size_t n = 1; n <= step_log.n; n++) {
		for (int loss = 0; loss < LOSSES; loss++) {
			for (size_t old = 0; old < 3; old++) {
				int ready = fail_after(n, (enum loss)loss, old, data, deaf);

				*wrong += ready == -1;
				*broken += ready == -3;
				if (ready > (int)*most)
					*most = (unsigned)ready;
			}
		}
	}
}

static void check_power(void)
{
	unsigned wrong = 0, broken = 0, most = 0, deaf_wrong = 0, ignored = 0;
	LP_AUTO(lp_store_free) struct lp_store s = {0};
	char path[LP_STORE_NAME + 8];
	struct lp_err err = {0};
	struct stat st = {0};

	step_log.on = true;
	CHECK(!open_store(&s, 1, &err) && !live(&s, &err), "a log of writes %s", err.msg);
	step_log.on = false;
	lp_store_device_name(&sample.digest, &sample.table_digest, path);
	snprintf(path + strlen(path), 8, "/data");
	fstatat(s.dir, path, &st, 0);
	if (!test_tortured())
		fail_everywhere(st.st_ino, 0, &wrong, &broken, &most);
	CHECK(step_log.n > 30 && most == CHUNKS, "power fails after each of %zu steps, in %d ways",
	      step_log.n, LOSSES * 3);
	CHECK(!wrong && !broken, "%u times a byte is wrong, %u times it does not open", wrong, broken);
	/* The check of the check: a disk that does not sync the data must be found out. */
	if (!test_tortured())
		fail_everywhere(st.st_ino, st.st_ino, &deaf_wrong, &ignored, &ignored);
	CHECK(deaf_wrong > 10, "without fdatasync of the data it is wrong %u times", deaf_wrong);
	for (size_t i = 0; i < step_log.n; i++)
		free(step_log.entry[i].p);
}

int main(void)
{
	static const char *const words[] = {
		[STEP_BEFORE] = "before", [STEP_HALF] = "in the middle of", [STEP_AFTER] = "after"};
	LP_AUTO(lp_store_free) struct lp_store s = {0};
	struct lp_err err = {0};

	test_dir_make_quick(root);
	snprintf(store_path, sizeof(store_path), "%s/store", root);
	synced = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (CHECK(synced != MAP_FAILED && !sample_make(&sample, &shape, &err) &&
		  !open_store(&s, 1, &err), "a sample %s", err.msg)) {
		for (size_t i = 0; i < 3 && !test_tortured(); i++)
			check_killed((enum step_how)i, words[i]);
		check_power();
	}
	if (s.run[0])
		test_dir_remove(s.run);
	sample_free(&sample);
	test_dir_remove(root);
	return test_done();
}
