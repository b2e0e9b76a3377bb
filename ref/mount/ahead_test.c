// SPDX-License-Identifier: MIT
#include "testing/fused.h"

#include <dirent.h>
#include <errno.h>
#include <sys/socket.h>
#include <unistd.h>

#define CHUNKS 400
#define MISSING 250		/* the chunk that is not there */
#define TIMEOUT_NS 200000000ull
#define THREADS 6

static const struct sample_shape shape = {.seed = 11, .nchunk = CHUNKS, .bytes_max = 9000,
					  .per_frame = 1};

struct world {
	struct loading g;
	struct fused f;
	struct lp_trace trace;
};

/* A file of a chunk each, where one begins on a block; in "d" and "e", other inodes between. */
static bool file_of(const struct world *w, int i, char *path, size_t room)
{
	if (w->g.device.table.layer.chunk[i].device_off % LP_BLOCK)
		return false;
	snprintf(path, room, "%s/%s%03d", i < CHUNKS / 2 ? "d" : "e", i % 7 ? "f" : "a", i);
	return true;
}

static enum lp_code add_files(struct lp_tree *t, const struct world *w, struct lp_err *err)
{
	static char target[3000];
	char path[32];

	memset(target, 't', sizeof(target) - 1);
	for (int i = 0; i < CHUNKS; i++) {
		const struct lp_chunk *c = &w->g.device.table.layer.chunk[i];
		const struct lp_extent data = {.bytes = c->bytes, .device = 1,
					       .device_off = c->device_off};
		const struct lp_entry file = {.path = path, .mode = S_IFREG | 0644, .nextent = 1,
					      .extent = &data, .size = c->bytes};
		const struct lp_entry other = {.path = path, .mode = S_IFLNK | 0777, .link = target};

		if (file_of(w, i, path, sizeof(path)) && lp_tree_add(t, &file, err))
			return err->code;
		snprintf(path, sizeof(path), "d/f%03dlink", i);
		if (!(i % 9) && lp_tree_add(t, &other, err))
			return err->code;
	}
	return lp_tree_end(t, err);
}

static enum lp_code make_tree(struct world *w, struct lp_err *err)
{
	LP_AUTO(lp_tree_free) struct lp_tree t = {0};

	if (loading_fill(&w->g, MISSING, err) || lp_tree_open(&t, err) || add_files(&t, w, err))
		return err->code;
	return fused_tree(&w->f, &t, err);
}

/* A mount whose worker is a socket that nobody reads. */
static enum lp_code mount_it(struct world *w, struct lp_trace *trace, struct lp_err *err)
{
	if (fused_mount(&w->f, TIMEOUT_NS, trace, err))
		return err->code;
	return chdir(w->f.at) ? lp_fail_errno(err, "chdir") : LP_OK;
}

static void umount_it(struct world *w)
{
	if (!chdir("/"))
		fused_umount(&w->f);
}

static enum lp_code begin(struct world *w, struct lp_err *err)
{
	int pair[2];

	if (fused_begin(&w->f, w->g.root, &w->g.device, err))
		return err->code;
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair))
		return lp_fail_errno(err, "prepare");
	close(pair[1]);
	if (lp_trace_open(&w->trace, err) || lp_link_open(&w->f.link, -1, err) ||
	    lp_link_renew(&w->f.link, pair[0], err))
		return err->code;
	lp_link_resume(&w->f.link);
	return make_tree(w, err);
}

static void end(struct world *w)
{
	lp_link_free(&w->f.link);
	lp_trace_free(&w->trace);
	fused_end(&w->f);
	loading_end(&w->g);
}

static void list(const char *path)
{
	DIR *d = opendir(path);

	while (d && readdir(d))
		;
	if (d)
		closedir(d);
}

/* Is the file of chunk @i what it should be?  1; 0; or -errno. */
static int right(const struct world *w, int i, const char *path)
{
	static __thread uint8_t got[16384];
	const struct lp_chunk *c = &w->g.device.table.layer.chunk[i];
	int fd = open(path, O_RDONLY | O_CLOEXEC), rc;
	ssize_t n = read(fd, got, sizeof(got));

	rc = n < 0 ? -errno :
		     (size_t)n == c->bytes && !memcmp(got, w->g.sample.plain.p + c->device_off,
						      c->bytes);
	close(fd);
	return rc;
}

static int order(const void *a, const void *b)
{
	return strcmp(a, b);
}

/* Read all files sorted by name, or the other way round; how many were right, or failed. */
static int read_all(const struct world *w, bool backwards, int *failed)
{
	char name[CHUNKS][32];
	size_t n = 0;
	int good = 0;

	for (int i = 0; i < CHUNKS; i++)
		n += file_of(w, i, name[n], sizeof(name[n]));
	qsort(name, n, sizeof(name[0]), order);
	for (size_t i = 0; i < n; i++) {
		const char *path = name[backwards ? n - 1 - i : i];
		int rc = right(w, (int)strtol(path + 3, NULL, 10), path);

		good += rc == 1;
		*failed += rc < 0;
	}
	return good;
}

static int files(const struct world *w)
{
	char path[32];
	int n = 0;

	for (int i = 0; i < CHUNKS; i++)
		n += file_of(w, i, path, sizeof(path));
	return n;
}

static void walk(struct world *w)
{
	struct lp_fuse_count c, d;
	struct lp_err err = {0};
	int failed = 0, n = files(w) - 1;

	if (!CHECK(!mount_it(w, NULL, &err), "a mount %s", err.msg))
		return;
	CHECK(read_all(w, false, &failed) == n && failed == 1, "names that were not listed");
	lp_fuse_count(w->f.fuse, &c);
	CHECK(!c.ahead && c.reads >= (uint64_t)n, "%d files, %llu of them pushed", n,
	      (unsigned long long)c.ahead);
	umount_it(w);
	if (!CHECK(!mount_it(w, NULL, &err), "a mount %s", err.msg))
		return;
	list("d");
	list("e");
	failed = 0;
	CHECK(read_all(w, false, &failed) == n && failed == 1, "a walk, and what is missing is EIO");
	lp_fuse_count(w->f.fuse, &c);
	CHECK(c.ahead > (uint64_t)n * 9 / 10 && c.reads + c.ahead <= (uint64_t)n + 20,
	      "%llu reads and %llu files pushed of %d", (unsigned long long)c.reads,
	      (unsigned long long)c.ahead, n);
	failed = 0;
	CHECK(read_all(w, true, &failed) == n && failed == 1, "once more, from the page cache");
	lp_fuse_count(w->f.fuse, &d);
	CHECK(c.ahead == d.ahead, "nothing was pushed twice");
	umount_it(w);
}

static void not_a_walk(struct world *w)
{
	struct lp_fuse_count c;
	struct lp_err err = {0};
	int failed = 0, n = files(w) - 1;

	if (!CHECK(!mount_it(w, NULL, &err), "a mount %s", err.msg))
		return;
	list("d");
	list("e");
	CHECK(read_all(w, true, &failed) == n && failed == 1, "backwards");
	lp_fuse_count(w->f.fuse, &c);
	CHECK(!c.ahead, "%llu files pushed backwards", (unsigned long long)c.ahead);
	umount_it(w);
	if (!CHECK(!mount_it(w, &w->trace, &err), "a recorded mount %s", err.msg))
		return;
	list("d");
	list("e");
	CHECK(read_all(w, false, &failed) == n, "a walk that is recorded");
	lp_fuse_count(w->f.fuse, &c);
	CHECK(!c.ahead, "every read is seen, %llu files pushed", (unsigned long long)c.ahead);
	umount_it(w);
}

static void *reader(void *arg)
{
	const struct world *w = arg;
	int failed = 0;

	return (void *)(intptr_t)(read_all(w, false, &failed) == files(w) - 1 && failed == 1);
}

/* They want the pages that are pushed to the others. */
static void crowd(struct world *w)
{
	struct lp_err err = {0};
	pthread_t t[THREADS];

	for (int round = 0; round < 4; round++) {
		int good = 0;

		if (mount_it(w, NULL, &err)) {
			CHECK(false, "a mount %s", err.msg);
			return;
		}
		list("d");
		list("e");
		for (int i = 0; i < THREADS; i++)
			pthread_create(&t[i], NULL, reader, w);
		for (int i = 0; i < THREADS; i++) {
			void *rc = NULL;

			pthread_join(t[i], &rc);
			good += rc != NULL;
		}
		umount_it(w);
		CHECK(good == THREADS, "round %d: %d walks at once were right", round, good);
	}
}

int main(void)
{
	struct lp_err err = {0};
	struct world w = {0};

	if (access("/dev/fuse", R_OK | W_OK) || geteuid()) {
		printf("ok 1 - ahead # SKIP needs root and /dev/fuse\n1..1\n");
		return 0;
	}
	alarm(120); /* a hang is a failure */
	if (loading_begin(&w.g, &shape) && CHECK(!begin(&w, &err), "files %s", err.msg)) {
		walk(&w);
		not_a_walk(&w);
		crowd(&w);
	}
	end(&w);
	return test_done();
}
