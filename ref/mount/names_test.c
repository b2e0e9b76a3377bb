// SPDX-License-Identifier: MIT
#include "testing/fused.h"

#include <dirent.h>
#include <errno.h>
#include <grp.h>
#include <sys/socket.h>
#include <sys/statvfs.h>
#include <sys/sysmacros.h>
#include <sys/wait.h>
#include <sys/xattr.h>

#define MANY 100000			/* names of a directory */
#define HUGE ((uint64_t)5 << 30)	/* bytes of a file that is a hole, its end aside */
#define STRANGER 4242			/* a user who owns nothing */
#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

static const struct sample_shape shape = {.seed = 3, .nchunk = 4, .bytes_max = 9000,
					  .per_frame = 1};

struct world {
	struct loading g;
	struct fused f;
};

static char long_name[LP_NAME_MAX + 1], long_target[LP_SYMLINK_MAX + 1], binary[256];
static const struct lp_xattr xattrs[] = {
	{"user.a name", binary, sizeof(binary)},
	{"user.empty", "", 0},
	{"trusted.own", "x", 1},
};

/* What stat() must say of each. */
static const struct lp_entry nodes[] = {
	{.path = "dir", .mode = S_IFDIR | 0750, .uid = 3, .gid = 4, .mtime = 99},
	{.path = "dir/sub", .mode = S_IFDIR | 01777},
	{.path = "dir/null", .mode = S_IFCHR | 0666, .major = 1, .minor = 3},
	{.path = "disk", .mode = S_IFBLK | 0660, .major = 259, .minor = 344865, .gid = 6},
	{.path = "fifo", .mode = S_IFIFO | 0600},
	{.path = "socket", .mode = S_IFSOCK | 0755},
	{.path = "many", .mode = S_IFDIR | 0755},
	{.path = "old", .mode = S_IFREG | 04755, .mtime = -2147483648ll, .mtime_ns = 999999999},
	{.path = "new", .mode = S_IFREG | 0640, .mtime = 15032385535ll, .mtime_ns = 1,
	 .uid = 4294967294u, .xattr = xattrs, .nxattr = COUNT(xattrs)},
	{.path = long_name, .mode = S_IFREG | 0111},
};

static enum lp_code add_rest(struct lp_tree *t, const struct world *w, struct lp_err *err)
{
	const uint64_t bytes = w->g.sample.plain.len;
	const struct lp_extent end = {.off = HUGE - bytes, .bytes = bytes, .device = 1};
	const struct lp_entry rest[] = {
		{.path = "huge", .mode = S_IFREG | 0644, .size = HUGE, .extent = &end, .nextent = 1},
		{.path = "link", .link = long_target, .mode = S_IFLNK | 0777},
		{.kind = LP_ENTRY_HARDLINK, .path = "dir/hard", .link = "old"},
	};
	char path[32];

	for (size_t i = 0; i < COUNT(nodes); i++)
		if (lp_tree_add(t, &nodes[i], err))
			return err->code;
	for (size_t i = 0; i < COUNT(rest); i++)
		if (lp_tree_add(t, &rest[i], err))
			return err->code;
	for (int i = 0; i < MANY; i++) {
		struct lp_entry e = {.path = path, .mode = S_IFREG | 0600};

		snprintf(path, sizeof(path), "many/%d", i);
		if (lp_tree_add(t, &e, err))
			return err->code;
	}
	return lp_tree_end(t, err);
}

static enum lp_code make_tree(struct world *w, struct lp_err *err)
{
	LP_AUTO(lp_tree_free) struct lp_tree t = {0};

	memset(long_name, 'n', LP_NAME_MAX);
	memset(long_target, 't', LP_SYMLINK_MAX);
	for (size_t i = 0; i < sizeof(binary); i++)
		binary[i] = (char)i;
	if (lp_tree_open(&t, err) || add_rest(&t, w, err))
		return err->code;
	return fused_tree(&w->f, &t, err);
}

/* A mount whose bytes are all there: its worker is a socket that nobody reads. */
static enum lp_code begin(struct world *w, struct lp_err *err)
{
	int pair[2];

	if (loading_fill(&w->g, UINT32_MAX, err) ||
	    fused_begin(&w->f, w->g.root, &w->g.device, err))
		return err->code;
	if (chmod(w->g.root, 0755) || socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair))
		return lp_fail_errno(err, "prepare");
	close(pair[1]);
	if (make_tree(w, err) || lp_link_open(&w->f.link, pair[0], err) ||
	    fused_mount(&w->f, 0, NULL, err))
		return err->code;
	return chdir(w->f.at) ? lp_fail_errno(err, "chdir") : LP_OK;
}

static void end(struct world *w)
{
	if (!chdir("/"))
		fused_umount(&w->f);
	lp_link_free(&w->f.link);
	fused_end(&w->f);
	loading_end(&w->g);
}

static uint64_t requests(const struct world *w)
{
	struct lp_fuse_count c;

	lp_fuse_count(w->f.fuse, &c);
	return c.requests;
}

static void attributes(void)
{
	struct stat st, hard;

	for (size_t i = 0; i < COUNT(nodes); i++) {
		const struct lp_entry *e = &nodes[i];

		CHECK(!lstat(e->path, &st) && st.st_mode == e->mode && st.st_uid == e->uid &&
			      st.st_gid == e->gid && st.st_rdev == makedev(e->major, e->minor) &&
			      st.st_mtim.tv_sec == e->mtime && st.st_mtim.tv_nsec == e->mtime_ns,
		      "%.20s", e->path);
	}
	CHECK(!stat("dir", &st) && st.st_nlink == 3 && st.st_blocks == LP_BLOCK / 512,
	      "a directory in a directory counts, and its block");
	CHECK(!stat("old", &st) && !stat("dir/hard", &hard) && st.st_ino == hard.st_ino &&
		      st.st_nlink == 2,
	      "two names of one file");
	CHECK(!stat("huge", &st) && (uint64_t)st.st_size == HUGE, "above 4 GiB");
}

static void symlink_and_seek(const struct world *w)
{
	char target[LP_SYMLINK_MAX + 2];
	static uint8_t got[1 << 16];
	size_t n = w->g.sample.plain.len < sizeof(got) ? w->g.sample.plain.len : sizeof(got);
	off_t data = (off_t)(HUGE - w->g.sample.plain.len);
	int fd = open("huge", O_RDONLY | O_CLOEXEC);

	CHECK(readlink("link", target, sizeof(target)) == LP_SYMLINK_MAX &&
		      !memcmp(target, long_target, LP_SYMLINK_MAX),
	      "the longest symlink");
	CHECK(readlink("old", target, sizeof(target)) < 0 && errno == EINVAL, "and none");
	CHECK(lseek(fd, 0, SEEK_DATA) == data && lseek(fd, 4096, SEEK_HOLE) == 4096 &&
		      lseek(fd, data, SEEK_HOLE) == (off_t)HUGE &&
		      lseek(fd, 0, SEEK_END) == (off_t)HUGE,
	      "data and holes");
	CHECK(lseek(fd, (off_t)HUGE, SEEK_DATA) < 0 && errno == ENXIO, "none behind the end");
	CHECK(pread(fd, got, n, data) == (ssize_t)n && !memcmp(got, w->g.sample.plain.p, n),
	      "bytes behind 4 GiB");
	close(fd);
}

static void xattr_values(void)
{
	static const char names[] = "user.a name\0user.empty\0trusted.own";
	char got[300];
	ssize_t n = listxattr("new", got, sizeof(got)), list = n;
	bool all = n == sizeof(names);

	for (const char *name = names; all && name < names + sizeof(names); name += strlen(name) + 1)
		all = memmem(got, (size_t)n, name, strlen(name) + 1);
	CHECK(all, "the names of xattrs, %zd bytes", n);
	CHECK(listxattr("new", NULL, 0) == list && listxattr("new", got, 3) < 0 && errno == ERANGE,
	      "their size, and too little room");
	CHECK(getxattr("new", "user.a name", NULL, 0) == 256 &&
		      getxattr("new", "user.a name", got, sizeof(got)) == 256 &&
		      !memcmp(got, binary, 256),
	      "a value with every byte, under a name with a space");
	CHECK(getxattr("new", "user.a name", got, 255) < 0 && errno == ERANGE, "too little room");
	CHECK(getxattr("new", "user.empty", got, sizeof(got)) == 0, "a value of no bytes");
	CHECK(getxattr("new", "user.a", got, 0) < 0 && errno == ENODATA &&
		      getxattr("old", "user.a name", got, 0) < 0 && errno == ENODATA &&
		      listxattr("old", got, sizeof(got)) == 0,
	      "none of that name, none at all");
	CHECK(setxattr("new", "user.a", "", 0, 0) && errno == EROFS, "none can be set");
}

/* Everything is asked for once, and a directory is told with all attributes. */
static void directory(const struct world *w)
{
	uint64_t before = requests(w);
	struct dirent *d;
	struct stat st;
	DIR *list = opendir("many");
	int n = 0, bad = 0;
	long half = 0;
	char name[300] = "";

	while (list && (d = readdir(list))) {
		n++;
		if (*d->d_name != '.')
			bad += fstatat(dirfd(list), d->d_name, &st, 0) || st.st_ino != d->d_ino ||
			       d->d_type != DT_REG;
		if (n == MANY / 2)
			half = telldir(list);
		else if (n == MANY / 2 + 1)
			snprintf(name, sizeof(name), "%s", d->d_name);
	}
	CHECK(n == MANY + 2 && !bad, "%d names, %d wrong", n, bad);
	CHECK(requests(w) - before < MANY / 10, "%llu requests for all attributes",
	      (unsigned long long)(requests(w) - before));
	if (list) {
		seekdir(list, half);
		d = readdir(list);
		CHECK(d && !strcmp(d->d_name, name), "a directory goes on where it was left");
		closedir(list);
	}
}

static void remembered(const struct world *w)
{
	struct stat st;
	uint64_t before;
	int fd;

	CHECK(stat("nothing", &st) && errno == ENOENT, "a name that is not there");
	/* The kernel lets go of what it knew only under pressure. */
	fd = open("old", O_RDONLY | O_CLOEXEC);
	before = requests(w);
	CHECK(stat("nothing", &st) && errno == ENOENT && !fstatat(fd, "", &st, AT_EMPTY_PATH) &&
		      !stat("dir/hard", &st) && close(open("old", O_RDONLY | O_CLOEXEC)) == 0 &&
		      requests(w) == before,
	      "what was asked once is not asked again: %llu requests",
	      (unsigned long long)(requests(w) - before));
	close(fd);
}

static void permissions(void)
{
	int status = -1;
	pid_t pid = fork();

	if (!pid) {
		bool ok = !setgroups(0, NULL) && !setresgid(STRANGER, STRANGER, STRANGER) &&
			  !setresuid(STRANGER, STRANGER, STRANGER) && open("old", O_RDONLY) >= 0 &&
			  open("new", O_RDONLY) < 0 && errno == EACCES &&
			  access("dir/sub", F_OK) && errno == EACCES && !access("old", X_OK) &&
			  access("fifo", R_OK) && errno == EACCES;

		_exit(ok ? 0 : 1);
	}
	CHECK(waitpid(pid, &status, 0) == pid && !status, "a stranger may what modes allow");
	CHECK(open("dir/null", O_RDONLY) < 0 && errno == EACCES, "devices cannot be opened: nodev");
	CHECK(open("socket", O_RDONLY) < 0 && errno == ENXIO, "nor sockets");
	CHECK(open("x", O_WRONLY | O_CREAT, 0600) < 0 && errno == EROFS, "nothing is created");
}

static void whole(const struct world *w)
{
	struct statvfs st = {0};

	CHECK(!statvfs(".", &st) && st.f_namemax == LP_NAME_MAX && st.f_frsize == LP_BLOCK &&
		      st.f_blocks * LP_BLOCK ==
			      w->f.map.bytes / LP_BLOCK * LP_BLOCK +
				      w->g.device.table.layer.device_bytes &&
		      !st.f_bfree && !st.f_bavail && !st.f_ffree &&
		      st.f_files == w->f.tree.inodes && st.f_files > MANY && st.f_flag & ST_RDONLY,
	      "statvfs: everything is used");
}

int main(void)
{
	struct lp_err err = {0};
	struct world w = {0};

	if (access("/dev/fuse", R_OK | W_OK) || geteuid()) {
		printf("ok 1 - names # SKIP needs root and /dev/fuse\n1..1\n");
		return 0;
	}
	if (loading_begin(&w.g, &shape) && CHECK(!begin(&w, &err), "a mount %s", err.msg)) {
		attributes();
		symlink_and_seek(&w);
		xattr_values();
		directory(&w);
		remembered(&w);
		permissions();
		whole(&w);
	}
	end(&w);
	return test_done();
}
