// SPDX-License-Identifier: MIT
/*
 * A directory becomes a tree; the text of the directory, of the tree, and of the tree as the
 * kernel mounts it must be one and the same.
 */
#include "tree/canonical.h"
#include "tree/merge.h"

#include "layer/layer.h"

#include "testing/test.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/sysmacros.h>
#include <sys/wait.h>
#include <sys/xattr.h>
#include <unistd.h>

#define REAL "/usr/lib/python3"
#define MANY 2000	/* files in a directory; fewer when each allocation is to fail in its turn */
#define FEW 20

/* A tree that is being made of a directory; its files' bytes go to @device. */
struct scan {
	struct lp_tree tree;
	int dir;
	int device;
	uint64_t device_bytes;
	struct lp_err err;
};

/* The first name by which a file with several was met. */
static char seen[64][300];
static ino_t seen_ino[64];
static size_t nseen;

static const char *find_seen(const struct stat *st, const char *path)
{
	if (S_ISDIR(st->st_mode) || st->st_nlink < 2)
		return NULL;
	for (size_t i = 0; i < nseen; i++)
		if (seen_ino[i] == st->st_ino)
			return seen[i];
	if (nseen < 64 && strlen(path) < sizeof(seen[0])) {
		strncpy(seen[nseen], path, sizeof(seen[0]) - 1);
		seen_ino[nseen++] = st->st_ino;
	}
	return NULL;
}

static bool copy_body(struct scan *s, const char *path, struct lp_extent *x)
{
	LP_AUTO(lp_fd_close) int fd = openat(s->dir, path, O_RDONLY | O_CLOEXEC);
	static char buffer[1 << 16];
	ssize_t n;

	*x = (struct lp_extent){.device_off = s->device_bytes, .device = 1};
	while ((n = read(fd, buffer, sizeof(buffer))) > 0) {
		if (pwrite(s->device, buffer, (size_t)n, (off_t)(x->device_off + x->bytes)) != n)
			return false;
		x->bytes += (uint64_t)n;
	}
	s->device_bytes += (x->bytes + LP_BLOCK - 1) / LP_BLOCK * LP_BLOCK;
	return !n;
}

/* All xattrs of @path into @x, their bytes into @text. */
static size_t read_xattrs(const char *path, struct lp_xattr x[32], char text[1 << 18])
{
	char *name = text + (1 << 17);
	ssize_t all = llistxattr(path, name, 1 << 16);
	size_t n = 0;

	for (ssize_t at = 0; at < all && n < 32; at += (ssize_t)strlen(name + at) + 1) {
		ssize_t bytes = lgetxattr(path, name + at, text, 1 << 16);

		if (bytes < 0 || !strncmp(name + at, "trusted.overlay.", 16))
			continue;
		x[n++] = (struct lp_xattr){name + at, text, (size_t)bytes};
		text += bytes;
	}
	return n;
}

static bool add_path(struct scan *s, const char *path, const struct stat *st)
{
	static char text[1 << 18], full[8192], target[LP_SYMLINK_MAX + 1];
	const char *first = find_seen(st, path);
	struct lp_xattr xattr[32];
	struct lp_extent x = {0};
	struct lp_entry e = {
		.kind = first ? LP_ENTRY_HARDLINK : LP_ENTRY_NODE,
		.path = path, .link = first, .mode = st->st_mode, .uid = st->st_uid,
		.gid = st->st_gid, .size = (uint64_t)st->st_size, .mtime = st->st_mtim.tv_sec,
		.mtime_ns = (uint32_t)st->st_mtim.tv_nsec, .xattr = xattr, .extent = &x,
	};
	ssize_t n;

	snprintf(full, sizeof(full), "/proc/self/fd/%d/%s", s->dir, *path ? path : ".");
	e.nxattr = read_xattrs(full, xattr, text);
	if (S_ISCHR(st->st_mode) || S_ISBLK(st->st_mode)) {
		e.major = major(st->st_rdev);
		e.minor = minor(st->st_rdev);
		if (!st->st_rdev)
			e.kind = LP_ENTRY_WHITEOUT;
	}
	if (S_ISREG(st->st_mode) && !first) {
		if (!copy_body(s, path, &x))
			return false;
		e.nextent = x.bytes != 0;
	}
	if (S_ISLNK(st->st_mode) && !first) {
		n = readlinkat(s->dir, path, target, LP_SYMLINK_MAX);
		target[n < 0 ? 0 : n] = '\0';
		e.link = target;
	}
	if (lp_tree_add(&s->tree, &e, &s->err))
		return false;
	if (lgetxattr(full, "trusted.overlay.opaque", target, 1) != 1)
		return true;
	e = (struct lp_entry){.kind = LP_ENTRY_OPAQUE, .path = path};
	return !lp_tree_add(&s->tree, &e, &s->err);
}

static bool scan(struct scan *s, const char *path)
{
	char *below = malloc(LP_PATH_MAX);
	struct dirent *e;
	struct stat st;
	bool ok = below;
	DIR *d;
	int fd;

	if (!ok || fstatat(s->dir, *path ? path : ".", &st, AT_SYMLINK_NOFOLLOW) ||
	    !add_path(s, path, &st) || !S_ISDIR(st.st_mode)) {
		ok = ok && !S_ISDIR(st.st_mode) && !s->err.code;
		free(below);
		return ok;
	}
	fd = openat(s->dir, *path ? path : ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	d = fd < 0 ? NULL : fdopendir(fd);
	while (ok && d && (e = readdir(d))) {
		if (!strcmp(e->d_name, ".") || !strcmp(e->d_name, ".."))
			continue;
		snprintf(below, LP_PATH_MAX, "%s%s%s", path, *path ? "/" : "", e->d_name);
		ok = scan(s, below);
	}
	if (d)
		closedir(d);
	free(below);
	return ok && d;
}

/* The bytes of a file, through its extents. */
struct content {
	struct lp_canonical_data data;
	const struct lp_erofs *e;
	int device[2];
};

static enum lp_code digest(struct lp_canonical_data *d, const struct lp_erofs_inode *inode,
			   struct lp_digest *out, struct lp_err *err)
{
	const struct content *c = (const struct content *)d;
	LP_AUTO(lp_hash_free) struct lp_hash h = {0};
	static char buffer[1 << 16];
	struct lp_extent x = {0};

	if (lp_hash_begin(&h, LP_SHA256, err))
		return err->code;
	for (uint64_t off = 0; off < inode->size;) {
		size_t n = sizeof(buffer);

		if (lp_erofs_extent(c->e, inode, off, &x, err))
			return err->code;
		n = x.bytes < n ? (size_t)x.bytes : n;
		memset(buffer, 0, n);
		if (x.device && lp_file_pread(c->device[x.device - 1], x.device_off, buffer, n, err))
			return err->code;
		lp_hash_add(&h, buffer, n);
		off += n;
	}
	lp_hash_end(&h, out);
	return LP_OK;
}

static void say_difference(const struct lp_buf *a, const struct lp_buf *b)
{
	size_t at = 0, line = 0;

	while (at < a->len && at < b->len && a->p[at] == b->p[at]) {
		if (a->p[at++] == '\n')
			line = at;
	}
	printf("# %zu and %zu bytes, first difference:\n# %.300s\n# %.300s\n", a->len, b->len,
	       a->len > line ? (const char *)a->p + line : "",
	       b->len > line ? (const char *)b->p + line : "");
}

static void check_same(struct lp_buf_writer *want, struct lp_buf_writer *got, const char *what)
{
	if (!CHECK(want->buf.len == got->buf.len && want->buf.len &&
		   !memcmp(want->buf.p, got->buf.p, want->buf.len),
		   "%s: the same text, %zu bytes", what, want->buf.len) &&
	    !lp_buf_add(&want->buf, "", 1, SIZE_MAX, &(struct lp_err){0}) &&
	    !lp_buf_add(&got->buf, "", 1, SIZE_MAX, &(struct lp_err){0}))
		say_difference(&want->buf, &got->buf);
}

static void skip(const char *what, const char *why)
{
	printf("ok %d - %s # SKIP %s\n", ++test_count, what, why);
}

static void check_fsck(int fd, int device)
{
	char command[256];

	if (getenv("LP_FAIL_ALLOC"))
		return;
	if (system("command -v fsck.erofs >/dev/null 2>&1")) {
		skip("fsck.erofs", "not installed: erofs-utils");
		return;
	}
	snprintf(command, sizeof(command), "fsck.erofs --device=/proc/%d/fd/%d /proc/%d/fd/%d",
		 getpid(), device, getpid(), fd);
	CHECK(!system(command), "fsck.erofs finds nothing wrong");
}

/* Mount @image over @n devices, attached nowhere; -1 and the reason where that is not possible. */
static int mount_image(int image, const int *device, size_t n, char why[static 256])
{
	LP_AUTO(lp_fd_close) int fs = fsopen("erofs", FSOPEN_CLOEXEC);
	char path[64];
	int fd = -1;
	bool ok;

	snprintf(path, sizeof(path), "/proc/self/fd/%d", image);
	ok = fs >= 0 && !fsconfig(fs, FSCONFIG_SET_STRING, "source", path, 0);
	for (size_t i = 0; ok && i < n; i++) {
		snprintf(path, sizeof(path), "/proc/self/fd/%d", device[i]);
		ok = !fsconfig(fs, FSCONFIG_SET_STRING, "device", path, 0);
	}
	if (ok && !fsconfig(fs, FSCONFIG_SET_FLAG, "ro", NULL, 0) &&
	    !fsconfig(fs, FSCONFIG_CMD_CREATE, NULL, NULL, 0))
		fd = fsmount(fs, FSMOUNT_CLOEXEC, 0);
	snprintf(why, 256, "mounting EROFS from a file: %s", strerror(errno));
	return fd;
}

/* Link counts, which the text does not have. */
static unsigned int count_wrong_links(int a, int b, const struct lp_buf_writer *t)
{
	unsigned int wrong = 0;
	char path[LP_PATH_MAX];
	const char *p = (const char *)t->buf.p, *end = p + t->buf.len;

	for (const char *stop; end - p > 6 && (stop = memchr(p, '\n', (size_t)(end - p))); p = stop + 1) {
		const char *quote = memchr(p + 6, '"', (size_t)(end - p) - 6);
		size_t n = quote ? (size_t)(quote - p) - 6 : 0;
		struct stat x, y;

		if (!n || memchr(p + 6, '%', n) || n >= sizeof(path))
			continue;
		memcpy(path, p + 6, n);
		path[n] = '\0';
		if (fstatat(a, path, &x, AT_SYMLINK_NOFOLLOW) ||
		    fstatat(b, path, &y, AT_SYMLINK_NOFOLLOW) || x.st_nlink != y.st_nlink)
			printf("# %s: links differ\n", path);
		else
			continue;
		wrong++;
	}
	return wrong;
}

/* @dir: where link counts must be the same, or -1. */
static void check_mount(int image, const int *device, size_t n, struct lp_buf_writer *want, int dir)
{
	LP_AUTO(lp_buf_writer_free) struct lp_buf_writer got = LP_BUF_WRITER(SIZE_MAX);
	LP_AUTO(lp_fd_close) int fd = -1;
	struct lp_err err = {0};
	char why[256];

	fd = mount_image(image, device, n, why);
	if (fd < 0) {
		skip("the kernel's mount", why);
		return;
	}
	CHECK(!lp_canonical_dir(fd, true, &got.writer, &err), "the kernel's mount as text: %s",
	      err.msg);
	check_same(want, &got, "the kernel's mount");
	if (dir >= 0)
		CHECK(!count_wrong_links(dir, fd, want), "with the same link counts");
}

/* An unnamed file in @dir. */
static int temporary(const char *dir)
{
	return open(dir, O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
}

static void check_image(struct scan *s, int image, bool links)
{
	LP_AUTO(lp_buf_writer_free) struct lp_buf_writer want = LP_BUF_WRITER(SIZE_MAX);
	LP_AUTO(lp_buf_writer_free) struct lp_buf_writer got = LP_BUF_WRITER(SIZE_MAX);
	LP_AUTO(lp_map_free) struct lp_map map = {0};
	struct content c = {.data = {digest}, .device = {s->device, -1}};
	struct lp_err err = {0};
	struct lp_erofs e;

	if (!CHECK(!lp_map_fd(&map, image, &err) && !lp_erofs_open(&e, map.p, map.bytes, &err) &&
		   !lp_erofs_check(&e, LP_EROFS_LAYER, &err), "the tree passes the check: %s", err.msg))
		return;
	c.e = &e;
	CHECK(!lp_canonical_dir(s->dir, true, &want.writer, &err), "the directory as text: %s",
	      err.msg);
	CHECK(!lp_canonical_erofs(&e, &c.data, &got.writer, &err), "the tree as text: %s", err.msg);
	check_same(&want, &got, "our reader");
	check_fsck(image, s->device);
	check_mount(image, &s->device, 1, &want, links ? s->dir : -1);
}

static void test_directory(const char *path, const char *scratch, bool links)
{
	LP_AUTO(lp_fd_close) int image = temporary(scratch);
	struct scan s = {.dir = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC)};
	struct lp_erofs_device d = {.tag = "one"};

	nseen = 0;
	s.device = temporary(scratch);
	if (s.dir < 0 || s.device < 0 || image < 0) {
		skip(path, "no such directory, or no O_TMPFILE beside the test");
	} else if (CHECK(!lp_tree_open(&s.tree, &s.err) && scan(&s, "") &&
			 !lp_tree_end(&s.tree, &s.err), "%s is a tree: %s", path, s.err.msg)) {
		d.bytes = s.device_bytes;
		if (CHECK(!ftruncate(s.device, (off_t)d.bytes) &&
			  !lp_erofs_write(&s.tree, &d, 1, image, &s.err), "and is written: %s",
			  s.err.msg))
			check_image(&s, image, links);
	}
	lp_tree_free(&s.tree);
	lp_fd_close(&s.dir);
	lp_fd_close(&s.device);
}

static void make_file(int dir, const char *name, size_t bytes)
{
	LP_AUTO(lp_fd_close) int fd = openat(dir, name, O_WRONLY | O_CREAT | O_CLOEXEC, 0640);
	static char text[100000];

	for (size_t i = 0; i < bytes; i++)
		text[i] = (char)(i * 31 + bytes);
	if (fd < 0 || write(fd, text, bytes) != (ssize_t)bytes)
		printf("# %s cannot be made\n", name);
}

/* What the file system or the user does not allow is left out. */
static void make_odd_files(int dir)
{
	static const char *const names[] = {
		"!x", "-a", "+p", "a", "a.b", "a-b", "a0", "new\nline", "quote\"", "back\\slash", "per%cent",
		"\xff\xfe", "\xc3\xa4", " ", "...", "..x", "~",
	};
	char name[300], target[4096];
	struct timespec t[2] = {{-2, 500000000}, {-2, 500000000}};

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		make_file(dir, names[i], i * 1000);
	memset(name, 'n', 255);
	name[255] = '\0';
	make_file(dir, name, 4096);
	name[0] = 'm';
	mkdirat(dir, name, 0700);
	memset(target, 't', 4095);
	target[4095] = '\0';
	if (symlinkat(target, dir, "far") || symlinkat("../\"q\"\n%", dir, "near") ||
	    linkat(dir, "near", dir, "near2", 0) || linkat(dir, "a0", dir, "!first", 0) ||
	    linkat(dir, "a0", dir, "zlast", 0) || mkfifoat(dir, "fifo", 0600))
		printf("# some links cannot be made: %s\n", strerror(errno));
	utimensat(dir, "a.b", t, 0);
	t[1] = (struct timespec){INT64_C(1) << 33, 999999999};
	utimensat(dir, "a-b", t, 0);
	fchownat(dir, "a-b", 4294967294, 77, 0);
}

static void make_odd_xattrs(int dir)
{
	static const struct {
		const char *path, *name;
		size_t bytes;
	} list[] = {
		{"sub", "user.one", 10}, {"sub/deep", "user.one", 10}, {"a0", "user.big", 3000},
		{"a0", "user.empty", 0}, {"fifo", "trusted.fifo", 5}, {"far", "trusted.link", 5},
		{"sub", "trusted.overlay.opaque", 1}, {"a", "user.overlay.x", 3},
	};
	static char value[65536] = "y";
	char path[64];

	for (size_t i = 0; i < sizeof(list) / sizeof(list[0]); i++) {
		snprintf(path, sizeof(path), "/proc/self/fd/%d/%s", dir, list[i].path);
		if (lsetxattr(path, list[i].name, value, list[i].bytes, 0))
			printf("# %s on %s: %s\n", list[i].name, list[i].path, strerror(errno));
	}
}

static void make_odd(const char *path, int many)
{
	LP_AUTO(lp_fd_close) int dir = -1;
	char name[32];

	mkdir(path, 0755);
	dir = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	make_odd_files(dir);
	mkdirat(dir, "sub", 01777);
	mkdirat(dir, "sub/deep", 0);
	mkdirat(dir, "a.d", 0755);
	make_file(dir, "a.d/x", 5000);
	mkdirat(dir, "many", 0755);
	for (int i = 0; i < many; i++) {
		snprintf(name, sizeof(name), "many/%d", i * 7919 % many);
		make_file(dir, name, 0);
	}
	if (mknodat(dir, "char", S_IFCHR | 0600, makedev(259, 344865)) ||
	    mknodat(dir, "block", S_IFBLK | 0600, makedev(7, 1)) ||
	    mknodat(dir, "gone", S_IFCHR, 0) || mknodat(dir, "socket", S_IFSOCK | 0600, 0))
		printf("# devices cannot be made: %s\n", strerror(errno));
	make_odd_xattrs(dir);
}

/* The text of a small tree, byte for byte. */
static void test_text(void)
{
	static const char want[] =
		"{\"p\":\"\",\"t\":\"dir\",\"m\":493,\"u\":0,\"g\":0,\"mt\":0}\n"
		"{\"p\":\"a\",\"t\":\"dir\",\"m\":488,\"u\":0,\"g\":0,\"mt\":-1500000000,\"o\":true}\n"
		"{\"p\":\"a.b\",\"t\":\"symlink\",\"m\":511,\"u\":0,\"g\":0,\"mt\":1,\"l\":\"%25\"}\n"
		"{\"p\":\"a/b%22%0A\",\"t\":\"reg\",\"m\":420,\"u\":1,\"g\":2,\"s\":7,\"mt\":3000000004,"
		"\"x\":{\"user.a\":\"YQ==\",\"user.%C3%A4\":\"\"}}\n"
		"{\"p\":\"c\",\"t\":\"char\",\"m\":384,\"u\":0,\"g\":0,\"mt\":0,\"dev\":\"1:3\"}\n"
		"{\"p\":\"h\",\"t\":\"reg\",\"m\":420,\"u\":1,\"g\":2,\"s\":7,\"mt\":3000000004,"
		"\"hl\":\"a/b%22%0A\",\"x\":{\"user.a\":\"YQ==\",\"user.%C3%A4\":\"\"}}\n"
		"{\"p\":\"w\",\"t\":\"whiteout\"}\n";
	const struct lp_xattr x[] = {{"user.a", "a", 1}, {"user.\xc3\xa4", "", 0}};
	const struct lp_entry e[] = {
		{.path = "h", .kind = LP_ENTRY_HARDLINK, .link = "a/b\"\n"},
		{.path = "a/b\"\n", .mode = S_IFREG | 0644, .uid = 1, .gid = 2, .size = 7, .mtime = 3,
		 .mtime_ns = 4, .xattr = x, .nxattr = 2},
		{.path = "a", .mode = S_IFDIR | 0750, .mtime = -2, .mtime_ns = 500000000},
		{.path = "a", .kind = LP_ENTRY_OPAQUE},
		{.path = "a.b", .mode = S_IFLNK, .link = "%", .mtime_ns = 1},
		{.path = "c", .mode = S_IFCHR | 0600, .major = 1, .minor = 3},
		{.path = "w", .kind = LP_ENTRY_WHITEOUT},
	};
	LP_AUTO(lp_buf_writer_free) struct lp_buf_writer got = LP_BUF_WRITER(SIZE_MAX);
	LP_AUTO(lp_tree_free) struct lp_tree t = {0};
	LP_AUTO(lp_map_free) struct lp_map map = {0};
	LP_AUTO(lp_fd_close) int fd = temporary("/tmp");
	struct lp_err err = {0};
	struct lp_erofs erofs;
	bool failed = fd < 0 || lp_tree_open(&t, &err);

	for (size_t i = 0; i < sizeof(e) / sizeof(e[0]) && !failed; i++)
		failed = lp_tree_add(&t, &e[i], &err);
	failed = failed || lp_tree_end(&t, &err) || lp_erofs_write(&t, NULL, 0, fd, &err) ||
		 lp_map_fd(&map, fd, &err) || lp_erofs_open(&erofs, map.p, map.bytes, &err) ||
		 lp_canonical_erofs(&erofs, NULL, &got.writer, &err) ||
		 lp_buf_add(&got.buf, "", 1, SIZE_MAX, &err);
	if (!CHECK(!failed && !strcmp((const char *)got.buf.p, want), "the text of a small tree"))
		printf("# %s\n%s", err.msg, failed ? "" : (const char *)got.buf.p);
}

#define B(n) ((uint64_t)(n) * LP_BLOCK)

/* Two layers: the second hides and replaces parts of the first. */
static const struct lp_extent first_x[] = {{B(1), B(1), B(3), 1}, {B(8), B(6) + 5, B(10), 1}};
static const struct lp_extent second_x[] = {{0, 5000, B(7), 1}};
static const struct lp_entry first_layer[] = {
	{.path = "etc", .mode = S_IFDIR | 0711, .mtime = 9},
	{.path = "etc/holes", .mode = S_IFREG | 0600, .size = B(40) + 1, .extent = first_x, .nextent = 2},
	{.path = "etc/hole", .mode = S_IFREG | 0600, .size = 123456789},
	{.path = "etc/gone", .mode = S_IFREG},
	{.path = "etc/link", .kind = LP_ENTRY_HARDLINK, .link = "etc/holes"},
	{.path = "var/old", .mode = S_IFREG},
};
static const struct lp_entry second_layer[] = {
	{.path = "etc/new", .mode = S_IFREG | 0640, .size = 5000, .extent = second_x, .nextent = 1},
	{.path = "etc/gone", .kind = LP_ENTRY_WHITEOUT},
	{.path = "var", .kind = LP_ENTRY_OPAQUE},
	{.path = "var/again", .kind = LP_ENTRY_HARDLINK, .link = "etc/new"},
};

static const struct lp_erofs_device two[2] = {{"1", B(64)}, {"2", B(16)}};

/* A layer of @n entries with device @which, open in @e. */
static enum lp_code make_layer(const struct lp_entry *entry, size_t n, size_t which, int fd,
			       struct lp_map *map, struct lp_erofs *e)
{
	LP_AUTO(lp_tree_free) struct lp_tree t = {0};
	struct lp_err err = {0};

	if (lp_tree_open(&t, &err))
		return err.code;
	for (size_t i = 0; i < n; i++)
		if (lp_tree_add(&t, &entry[i], &err))
			return err.code;
	if (lp_tree_end(&t, &err) || lp_erofs_write(&t, &two[which], 1, fd, &err) ||
	    lp_map_fd(map, fd, &err))
		return err.code;
	return lp_erofs_open(e, map->p, map->bytes, &err);
}

static void fill_device(int fd, size_t which)
{
	uint8_t block[LP_BLOCK];

	for (uint64_t at = 0; at < two[which].bytes; at += LP_BLOCK) {
		memset(block, (int)(at / LP_BLOCK + 100 * which + 1), sizeof(block));
		if (pwrite(fd, block, sizeof(block), (off_t)at) != (ssize_t)sizeof(block))
			return;
	}
}

/* The merged tree as our reader and as the kernel sees it, over two devices. */
static void test_merged(const char *scratch)
{
	LP_AUTO(lp_buf_writer_free) struct lp_buf_writer want = LP_BUF_WRITER(SIZE_MAX);
	LP_AUTO(lp_tree_free) struct lp_tree t = {0};
	int fd[5];
	struct lp_map map[3] = {{0}};
	struct content c = {.data = {digest}};
	struct lp_erofs layer[2], e;
	struct lp_err err = {0};

	for (size_t i = 0; i < 5; i++)
		fd[i] = temporary(scratch);
	for (size_t i = 0; i < 2; i++)
		fill_device(c.device[i] = fd[i], i);
	if (fd[4] < 0)
		skip("two layers", "no O_TMPFILE beside the test");
	else if (CHECK(!make_layer(first_layer, 6, 0, fd[2], &map[0], &layer[0]) &&
		       !make_layer(second_layer, 4, 1, fd[3], &map[1], &layer[1]) &&
		       !lp_tree_open(&t, &err) && !lp_tree_merge(layer, 2, &t, &err) &&
		       !lp_erofs_write(&t, two, 2, fd[4], &err) && !lp_map_fd(&map[2], fd[4], &err) &&
		       !lp_erofs_open(&e, map[2].p, map[2].bytes, &err) &&
		       !lp_erofs_check(&e, LP_EROFS_MERGED, &err), "two layers are merged: %s", err.msg)) {
		c.e = &e;
		CHECK(!lp_canonical_erofs(&e, &c.data, &want.writer, &err), "as text: %s", err.msg);
		check_mount(fd[4], fd, 2, &want, -1);
	}
	for (size_t i = 0; i < 5; i++)
		lp_fd_close(&fd[i]);
	for (size_t i = 0; i < 3; i++)
		lp_map_free(&map[i]);
}

int main(int argc, char **argv)
{
	bool torture = getenv("LP_FAIL_ALLOC");
	char scratch[4096], odd[4200], command[8500];

	(void)argc;
	snprintf(scratch, sizeof(scratch), "%s", argv[0]);
	snprintf(odd, sizeof(odd), "%s/odd.%d", dirname(scratch), getpid());
	test_text();
	test_merged(scratch);
	make_odd(odd, torture ? FEW : MANY);
	test_directory(odd, scratch, true);
	snprintf(command, sizeof(command), "chmod -R u+rwx '%s'; rm -rf '%s'", odd, odd);
	if (system(command))
		printf("# %s remains\n", odd);
	if (!torture)
		test_directory(REAL, scratch, false);
	return test_done();
}
