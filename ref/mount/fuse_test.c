// SPDX-License-Identifier: MIT
#include "testing/fused.h"

#include "base/log.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/statvfs.h>
#include <sys/sysmacros.h>
#include <sys/wait.h>
#include <sys/xattr.h>
#include <unistd.h>

#define MANY 3000		/* names of a directory */
#define TIMEOUT_NS 400000000ull
#define HOUR_NS 3600000000000ull
#define NODES (sizeof(nodes) / sizeof(nodes[0]))

static const struct sample_shape shape = {.seed = 7, .nchunk = 40, .bytes_max = 9000,
					  .per_frame = 1};

/* What the fake worker does with a question. */
enum manner { OBEY, LIE, REFUSE, SLEEP };

#define HELD_MAX 64		/* questions that a sleeper has not answered */

struct world {
	struct loading g;
	struct fused f;
	struct lp_trace trace;
	int socket, died;		/* the worker's end; eventfd */
	pthread_t worker;
	_Atomic int manner;
	_Atomic int asked;
	struct lp_msg held[HELD_MAX];	/* the worker's until asked says so */
	_Atomic size_t nheld;
};

static const struct lp_xattr xattr = {"user.colour", "blue", 4};
static const struct lp_entry nodes[] = {
	{.path = "dir", .mode = S_IFDIR | 0750, .uid = 3, .gid = 4, .mtime = 99},
	{.path = "dir/link", .link = "../whole", .mode = S_IFLNK | 0777},
	{.path = "dir/null", .mode = S_IFCHR | 0666, .major = 1, .minor = 3},
	{.path = "empty", .mode = S_IFREG | 04755, .uid = 12, .mtime = -5, .mtime_ns = 6,
	 .xattr = &xattr, .nxattr = 1},
	{.kind = LP_ENTRY_HARDLINK, .path = "dir/hard", .link = "empty"},
	{.path = "many", .mode = S_IFDIR | 0755},
};

/* Make what @m asks for ready. */
static void obey(struct world *w, const struct lp_msg *m)
{
	uint32_t first = 0, end = 0;
	struct lp_err err = {0};

	lp_layer_range(&w->g.device.table.layer, m->off, m->bytes, &first, &end);
	for (; first < end; first++)
		if (lp_device_write(
			    &w->g.device, first,
			    w->g.sample.plain.p + w->g.device.table.layer.chunk[first].device_off, &err))
			printf("# %s\n", err.msg);
}

static void *work(void *arg)
{
	struct world *w = arg;
	struct lp_msg m;

	while (recv(w->socket, &m, sizeof(m), 0) == sizeof(m)) {
		struct lp_err err = {0};

		if (w->manner == SLEEP) {
			w->held[w->nheld++ % HELD_MAX] = m;
			w->asked++;
			continue;
		}
		w->asked++;
		if (w->manner == OBEY)
			obey(w, &m);
		m.op = LP_MSG_DONE;
		m.status = w->manner == REFUSE ? LP_EDIGEST : LP_OK;
		if (lp_msg_send(w->socket, &m, -1, &err))
			break;
	}
	return NULL;
}

/* The whole device as one file with a hole of a block before it, and the nodes. */
static enum lp_code make_tree(struct world *w, struct lp_err *err)
{
	LP_AUTO(lp_tree_free) struct lp_tree t = {0};
	const struct lp_extent extent = {.off = LP_BLOCK, .bytes = w->g.sample.plain.len, .device = 1};
	struct lp_entry whole = {.path = "whole", .mode = S_IFREG | 0644, .extent = &extent,
				 .nextent = 1, .size = LP_BLOCK + w->g.sample.plain.len};
	char path[32];

	if (lp_tree_open(&t, err) || lp_tree_add(&t, &whole, err))
		return err->code;
	for (size_t i = 0; i < NODES; i++)
		if (lp_tree_add(&t, &nodes[i], err))
			return err->code;
	for (int i = 0; i < MANY; i++) {
		struct lp_entry e = {.path = path, .mode = S_IFREG | 0600};

		snprintf(path, sizeof(path), "many/%d", i);
		if (lp_tree_add(&t, &e, err))
			return err->code;
	}
	if (lp_tree_end(&t, err))
		return err->code;
	return fused_tree(&w->f, &t, err);
}

static enum lp_code begin(struct world *w, uint64_t read_timeout_ns, struct lp_err *err)
{
	int pair[2];

	*w = (struct world){.socket = -1, .died = eventfd(0, EFD_CLOEXEC)};
	if (!loading_begin(&w->g, &shape))
		return lp_fail(err, LP_ESYSTEM, LP_NO_OFFSET, NULL, "no device");
	if (fused_begin(&w->f, w->g.root, &w->g.device, err) || make_tree(w, err) ||
	    lp_trace_open(&w->trace, err))
		return err->code;
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair))
		return lp_fail_errno(err, "socketpair");
	w->socket = pair[1];
	if (lp_link_open(&w->f.link, w->died, err) || lp_link_renew(&w->f.link, pair[0], err))
		return err->code;
	lp_link_resume(&w->f.link);
	if (pthread_create(&w->worker, NULL, work, w))
		return lp_fail_errno(err, "thread");
	return fused_mount(&w->f, read_timeout_ns, &w->trace, err);
}

static void end(struct world *w)
{
	fused_umount(&w->f);
	if (w->worker) {
		lp_link_free(&w->f.link);
		pthread_join(w->worker, NULL);
	}
	lp_fd_close(&w->socket);
	lp_fd_close(&w->died);
	lp_trace_free(&w->trace);
	fused_end(&w->f);
	loading_end(&w->g);
}

static void names(struct world *w)
{
	char path[200], text[64];
	struct stat st;
	DIR *d;
	int n = 0;

	snprintf(path, sizeof(path), "%s/dir", w->f.at);
	CHECK(!stat(path, &st) && st.st_mode == (S_IFDIR | 0750) && st.st_uid == 3 && st.st_gid == 4 &&
		      st.st_nlink == 2 && st.st_mtime == 99,
	      "a directory's attributes");
	snprintf(path, sizeof(path), "%s/dir/link", w->f.at);
	CHECK(readlink(path, text, sizeof(text)) == 8 && !memcmp(text, "../whole", 8), "a symlink");
	snprintf(path, sizeof(path), "%s/dir/null", w->f.at);
	CHECK(!stat(path, &st) && S_ISCHR(st.st_mode) && st.st_rdev == makedev(1, 3), "a device");
	CHECK(open(path, O_RDONLY) < 0 && errno == EACCES, "which cannot be opened: nodev");
	snprintf(path, sizeof(path), "%s/empty", w->f.at);
	CHECK(!stat(path, &st) && st.st_mode == (S_IFREG | 04755) && st.st_nlink == 2 &&
		      st.st_mtime == -5 && st.st_mtim.tv_nsec == 6,
	      "a file with two names, and its time before 1970");
	CHECK(getxattr(path, "user.colour", text, sizeof(text)) == 4 && !memcmp(text, "blue", 4),
	      "an xattr");
	CHECK(getxattr(path, "user.colour", text, 2) < 0 && errno == ERANGE &&
		      getxattr(path, "user.color", text, 2) < 0 && errno == ENODATA,
	      "xattrs: too little room, and none");
	CHECK(listxattr(path, text, sizeof(text)) == 12 && !strcmp(text, "user.colour"),
	      "the list of xattrs");
	snprintf(path, sizeof(path), "%s/nothing", w->f.at);
	CHECK(stat(path, &st) && errno == ENOENT && stat(path, &st) && errno == ENOENT,
	      "a name that is not there");
	CHECK(open(path, O_WRONLY | O_CREAT, 0600) < 0 && errno == EROFS, "nothing is created");
	snprintf(path, sizeof(path), "%s/many", w->f.at);
	for (d = opendir(path); d && readdir(d);)
		n++;
	CHECK(n == MANY + 2, "%d names of a directory", n);
	if (d)
		closedir(d);
}

/* Read [off, off + n) of "whole" past the page cache's idea of it; compare; -errno or n. */
static ssize_t try_read(struct world *w, uint64_t off, size_t n)
{
	static uint8_t got[1 << 20];
	char path[200];
	int fd;
	ssize_t rc;

	snprintf(path, sizeof(path), "%s/whole", w->f.at);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	posix_fadvise(fd, 0, 0, POSIX_FADV_RANDOM);
	rc = pread(fd, got, n, (off_t)off);
	rc = rc < 0 ? -errno : rc;
	for (ssize_t i = 0; i < rc; i++) {
		uint64_t at = off + (uint64_t)i;

		if (got[i] != (at < LP_BLOCK ? 0 : w->g.sample.plain.p[at - LP_BLOCK]))
			rc = -EBADMSG;
	}
	close(fd);
	return rc;
}

static void data(struct world *w)
{
	uint64_t whole = LP_BLOCK + w->g.sample.plain.len;
	struct lp_fuse_count c = {0};
	char path[200];
	int asked = w->asked, fd;

	CHECK(try_read(w, 0, LP_BLOCK) == LP_BLOCK && w->asked == asked, "a hole asks nobody");
	snprintf(path, sizeof(path), "%s/whole", w->f.at);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	CHECK(lseek(fd, 0, SEEK_DATA) == LP_BLOCK && lseek(fd, 0, SEEK_HOLE) == 0 &&
		      lseek(fd, LP_BLOCK, SEEK_HOLE) == (off_t)whole,
	      "data and holes are told");
	close(fd);
	w->manner = LIE;
	CHECK(try_read(w, 2 * LP_BLOCK, 10) == -EIO && w->asked > 0,
	      "a worker that lies: an error, not zeros");
	w->manner = REFUSE;
	CHECK(try_read(w, 2 * LP_BLOCK, 10) == -EIO, "a worker that refuses");
	w->manner = OBEY;
	CHECK(try_read(w, 2 * LP_BLOCK, 10) == 10, "nothing of it is remembered");
	asked = w->asked;
	CHECK(try_read(w, 2 * LP_BLOCK, 100) == 100 && w->asked == asked, "once is enough");
	CHECK(try_read(w, whole - 7, 100) == 7 && try_read(w, whole, 1) == 0, "the end of the file");
	CHECK(try_read(w, 0, whole) == (ssize_t)whole, "all of it");
	lp_fuse_count(w->f.fuse, &c);
	CHECK(c.reads && c.waited && c.failed, "%llu reads, %llu waited, %llu failed",
	      (unsigned long long)c.reads, (unsigned long long)c.waited,
	      (unsigned long long)c.failed);
}

/* How a reader reads a block of "whole": through the page cache, past it, by a fault. */
static const struct {
	const char *name;
	int flags;
	bool map;
} readers[] = {{"a read", O_RDONLY, false}, {"a direct read", O_RDONLY | O_DIRECT, false},
	       {"a page fault", O_RDONLY, true}};

static void nothing(int signal)
{
	(void)signal;
}

static char patient_at[TEST_DIR + 8];
static volatile sig_atomic_t hung;

/* A reader that no signal ended: tear the mount from it, so that the test ends. */
static void give_up(int signal)
{
	(void)signal;
	hung = 1;
	umount2(patient_at, MNT_FORCE);
}

/* Has the kernel told the server of the signal that the reader got?  It waits for death then. */
static bool is_told(pid_t pid)
{
	char path[40], line[256] = "";
	const char *end = NULL;
	FILE *f;

	snprintf(path, sizeof(path), "/proc/%d/stat", (int)pid);
	f = fopen(path, "re");
	if (f && fgets(line, sizeof(line), f))
		end = strrchr(line, ')');
	if (f)
		fclose(f);
	return !end || !strncmp(end, ") D", 3) || !strncmp(end, ") Z", 3);
}

static const int deadly[] = {SIGKILL, SIGINT, SIGTERM};

/* What a shell's background jobs inherit is that SIGINT is ignored. */
static void be_mortal(void)
{
	for (size_t i = 0; i < sizeof(deadly) / sizeof(deadly[0]); i++)
		signal(deadly[i], SIG_DFL);
}

/* A child that reads the block at @off, whose answer is 0: all right. */
static pid_t start_reader(const struct world *w, size_t how, uint64_t off)
{
	const struct sigaction handled = {.sa_handler = nothing};
	uint8_t *p = MAP_FAILED;
	char path[200];
	pid_t pid = fork();
	int fd;

	if (pid)
		return pid;
	be_mortal();
	sigaction(SIGUSR1, &handled, NULL);
	snprintf(path, sizeof(path), "%s/whole", w->f.at);
	fd = open(path, readers[how].flags);
	if (readers[how].map)
		p = mmap(NULL, LP_BLOCK, PROT_READ, MAP_SHARED, fd, (off_t)off);
	else if (!posix_memalign((void **)&p, LP_BLOCK, LP_BLOCK) &&
		 pread(fd, p, LP_BLOCK, (off_t)off) != LP_BLOCK)
		_exit(1);
	_exit(p == MAP_FAILED || memcmp(p, w->g.sample.plain.p + off - LP_BLOCK, LP_BLOCK) ? 1 : 0);
}

/* The child's status when it has asked the worker and then got @signal, or the answer. */
static int end_reader(struct world *w, pid_t pid, int asked, int signal)
{
	int status = -1;

	while (w->asked == asked && !waitpid(pid, &status, WNOHANG))
		sched_yield();
	if (w->asked != asked && (kill(pid, signal) || waitpid(pid, &status, 0) != pid))
		status = -1;
	return status;
}

/* The worker answers what it was asked while it slept; whoever asked may be gone. */
static void answer_late(struct world *w)
{
	for (size_t n = w->nheld; n > 0; n--) {
		struct lp_msg m = w->held[(n - 1) % HELD_MAX];
		struct lp_err err = {0};

		if (w->manner == OBEY)
			obey(w, &m);
		m.op = LP_MSG_DONE;
		CHECK(!lp_msg_send(w->socket, &m, -1, &err), "a late answer %s", err.msg);
	}
	w->nheld = 0;
}

/* Nothing but the signal ends such a read: its time-out is an hour. */
static void signals(struct world *w)
{
	uint64_t off = 8 * LP_BLOCK;

	for (size_t how = 0; how < sizeof(readers) / sizeof(readers[0]); how++) {
		for (size_t i = 0; i < sizeof(deadly) / sizeof(deadly[0]); i++) {
			int asked = w->asked, status;

			w->manner = SLEEP;
			status = end_reader(w, start_reader(w, how, off), asked, deadly[i]);
			CHECK(WIFSIGNALED(status) && WTERMSIG(status) == deadly[i],
			      "%s is ended by signal %d", readers[how].name, deadly[i]);
			answer_late(w);
		}
	}
	w->manner = OBEY;
	CHECK(try_read(w, off, LP_BLOCK) == LP_BLOCK, "late answers harm nobody");
}

/* Returns when the server has seen what the kernel told it before, and the link has. */
static void let_settle(struct world *w)
{
	struct lp_msg m = {.op = LP_MSG_COUNT};
	struct lp_err err = {0};
	struct statvfs st;
	struct lp_call call;

	CHECK(!statvfs(w->f.at, &st), "a request");
	lp_call_begin(&call, &w->f.link, &m, -1);
	CHECK(!lp_call_end(&call, "ask", &err), "a question %s", err.msg);
}

/* A signal that the reader handles is none to a read of a file. */
static void handled(struct world *w)
{
	/* From the end: what one reads ahead is not what the next one wants. */
	static const uint64_t block[] = {40, 35, 10};

	for (size_t how = 0; how < sizeof(readers) / sizeof(readers[0]); how++) {
		int asked = w->asked, status = -1;
		pid_t pid;

		w->manner = SLEEP;
		pid = start_reader(w, how, block[how] * LP_BLOCK);
		while (w->asked == asked && !waitpid(pid, &status, WNOHANG))
			sched_yield();
		CHECK(!kill(pid, SIGUSR1), "%s gets a signal", readers[how].name);
		while (!is_told(pid))
			sched_yield();
		w->manner = OBEY;
		let_settle(w);
		answer_late(w);
		CHECK(waitpid(pid, &status, 0) == pid && !status, "and reads what it wanted");
	}
}

static void patient(struct world *w)
{
	const struct sigaction tired = {.sa_handler = give_up};

	snprintf(patient_at, sizeof(patient_at), "%s", w->f.at);
	sigaction(SIGALRM, &tired, NULL);
	alarm(60);
	signals(w);
	handled(w);
	alarm(0);
	CHECK(!hung, "no reader hangs");
}

/* A reader that nobody answers fails in the end. */
static void waiting(struct world *w)
{
	uint64_t off = 8 * LP_BLOCK;
	uint64_t start;

	w->manner = SLEEP;
	start = lp_now_ns();
	CHECK(try_read(w, off, 10) == -EIO && lp_now_ns() - start >= TIMEOUT_NS,
	      "after the time-out it gets EIO");
	w->manner = OBEY;
	CHECK(try_read(w, off, 10) == 10, "and the next one its data");
}

static void dead_worker(struct world *w)
{
	shutdown(w->socket, SHUT_RDWR);
	for (int i = 0; i < 1000 && lp_link_state(&w->f.link) == LP_LINK_UP; i++)
		poll(NULL, 0, 1);
	CHECK(try_read(w, 20 * LP_BLOCK, 10) == -EIO, "without a worker: an error");
	CHECK(try_read(w, 8 * LP_BLOCK, 10) == 10, "what is ready stays");
}

static void unmounting(struct world *w)
{
	LP_AUTO(lp_fd_close) int fd = memfd_create("trace", MFD_CLOEXEC);
	struct pollfd p = {.fd = w->f.ended, .events = POLLIN};
	struct lp_err err = {0};
	char text[256] = "";
	size_t lines = 0;

	CHECK(!umount2(w->f.at, 0) && poll(&p, 1, 2000) == 1 && lp_fuse_ended(w->f.fuse),
	      "an unmount is noticed");
	CHECK(!lp_trace_write(&w->trace, &w->f.tree, fd, &lines, &err) && lines == 1, "%zu lines %s",
	      lines, err.msg);
	CHECK(pread(fd, text, sizeof(text) - 1, 0) > 0 && !strcmp(text, "whole\n"),
	      "the list is \"%s\"", text);
}

int main(void)
{
	struct lp_err err = {0};
	struct world w;

	if (access("/dev/fuse", R_OK | W_OK) || geteuid()) {
		printf("ok 1 - fuse # SKIP needs root and /dev/fuse\n1..1\n");
		return 0;
	}
	if (CHECK(!begin(&w, TIMEOUT_NS, &err), "a mount %s", err.msg)) {
		names(&w);
		waiting(&w);
		data(&w);
		w.manner = OBEY;
		unmounting(&w);
	}
	end(&w);
	err = (struct lp_err){0};
	if (CHECK(!begin(&w, HOUR_NS, &err), "a mount for patient readers %s", err.msg)) {
		patient(&w);
	}
	end(&w);
	err = (struct lp_err){0};
	if (CHECK(!begin(&w, HOUR_NS, &err), "another mount %s", err.msg)) {
		CHECK(try_read(&w, 8 * LP_BLOCK, 10) == 10, "it reads");
		dead_worker(&w);
	}
	end(&w);
	return test_done();
}
