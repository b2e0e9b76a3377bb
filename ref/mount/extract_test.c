// SPDX-License-Identifier: MIT
#include "mount/extract.h"

#include "testing/test.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>
#include <unistd.h>

#define REG(p, n) {.path = p, .mode = S_IFREG | 0644, .size = n, .mtime = 5}
#define DIRECTORY(p) {.path = p, .mode = S_IFDIR | 0755, .mtime = 7, .mtime_ns = 9}
#define SYMLINK(p, to) {.path = p, .link = to, .mode = S_IFLNK | 0777}
#define HARDLINK(p, to) {.kind = LP_ENTRY_HARDLINK, .path = p, .link = to}
#define WHITEOUT(p) {.kind = LP_ENTRY_WHITEOUT, .path = p}
#define OPAQUE(p) {.kind = LP_ENTRY_OPAQUE, .path = p}
#define NODE(p, m, a, b) {.path = p, .mode = m, .major = a, .minor = b}
#define NCASES (sizeof(cases) / sizeof(cases[0]))
#define NENTRIES 4

static const struct lp_xattr overlay_xattr = {"trusted.overlay.opaque", "y", 1};

/* A layer of at most four entries, whose bodies are of "b"; the verdict; what is then there. */
static const struct {
	const char *name;
	struct lp_entry entry[NENTRIES];
	enum lp_code want;
	const char *there;	/* a path that exists then, or NULL */
	char type;		/* of it: r d l c b p, or 'o': opaque directory */
} cases[] = {
	{"a file", {REG("a", 3)}, LP_OK, "a", 'r'},
	{"parents are made", {REG("x/y/z", 3)}, LP_OK, "x/y/z", 'r'},
	{"an empty file", {REG("a", 0)}, LP_OK, "a", 'r'},
	{"a fifo", {NODE("p", S_IFIFO | 0600, 0, 0)}, LP_OK, "p", 'p'},
	{"a device", {NODE("n", S_IFCHR | 0600, 1, 3)}, LP_OK, "n", 'c'},
	{"a whiteout", {WHITEOUT("d/w")}, LP_OK, "d/w", 'c'},
	{"a whiteout beside its entry", {REG("w", 1), WHITEOUT("w")}, LP_OK, "w", 'r'},
	{"an entry after its whiteout", {WHITEOUT("w"), REG("w", 1)}, LP_OK, "w", 'r'},
	{"a directory after its whiteout", {WHITEOUT("w"), DIRECTORY("w")}, LP_OK, "w", 'o'},
	{"a whiteout beside its directory", {DIRECTORY("w"), WHITEOUT("w")}, LP_OK, "w", 'o'},
	{"a child below its whiteout", {WHITEOUT("w"), REG("w/x", 1)}, LP_OK, "w", 'o'},
	{"and there it is", {WHITEOUT("w"), REG("w/x/y", 1)}, LP_OK, "w/x/y", 'r'},
	{"a child two below a file", {REG("f", 1), REG("f/x/y", 1)}, LP_EFORMAT, NULL, 0},
	{"an opaque directory", {OPAQUE("d"), DIRECTORY("d")}, LP_OK, "d", 'o'},
	{"an opaque root", {OPAQUE("")}, LP_OK, "", 'o'},
	{"the root as a directory", {DIRECTORY("")}, LP_OK, "", 'd'},
	{"the root as a file", {REG("", 0)}, LP_EFORMAT, NULL, 0},
	{"a file replaces a file", {REG("a", 9), REG("a", 1)}, LP_OK, "a", 'r'},
	{"a file replaces a tree", {REG("a/b/c", 1), REG("a/d/e", 1), REG("a", 1)}, LP_OK, "a",
	 'r'},
	{"a directory named again keeps its children",
	 {DIRECTORY("a"), REG("a/b", 1), DIRECTORY("a")}, LP_OK, "a/b", 'r'},
	{"a directory replaces a symlink", {SYMLINK("a", "/tmp"), DIRECTORY("a")}, LP_OK, "a", 'd'},
	{"a hard link", {REG("a", 1), HARDLINK("d/b", "a")}, LP_OK, "d/b", 'r'},
	{"a hard link to a symlink", {SYMLINK("a", "x"), HARDLINK("b", "a")}, LP_OK, "b", 'l'},
	{"hard links forwards", {HARDLINK("c", "b"), HARDLINK("b", "a"), REG("a", 1)}, LP_OK, "c",
	 'r'},
	{"a hard link to nothing", {HARDLINK("b", "a")}, LP_EFORMAT, NULL, 0},
	{"a hard link to itself", {REG("a", 1), HARDLINK("a", "a")}, LP_EFORMAT, NULL, 0},
	{"a hard link to a directory", {DIRECTORY("a"), HARDLINK("b", "a")}, LP_EFORMAT, NULL, 0},
	{"a hard link upwards", {HARDLINK("b", "../outside/secret")}, LP_EFORMAT, NULL, 0},
	{"a hard link through a symlink that leaves",
	 {SYMLINK("l", "../outside"), HARDLINK("b", "l/secret")}, LP_EFORMAT, NULL, 0},
	{"an absolute name", {REG("/etc/x", 1)}, LP_EFORMAT, NULL, 0},
	{"a name upwards", {REG("../outside/x", 1)}, LP_EFORMAT, NULL, 0},
	{"a name through ..", {DIRECTORY("a"), REG("a/../../outside/x", 1)}, LP_EFORMAT, NULL, 0},
	{"a name that is ..", {DIRECTORY("..")}, LP_EFORMAT, NULL, 0},
	{"a name that is .", {REG("a/.", 1)}, LP_EFORMAT, NULL, 0},
	{"an empty component", {REG("a//b", 1)}, LP_EFORMAT, NULL, 0},
	{"a slash at the end", {DIRECTORY("a/")}, LP_EFORMAT, NULL, 0},
	{"a symlinked parent inside", {DIRECTORY("usr"), SYMLINK("l", "usr"), REG("l/x", 1)},
	 LP_OK, "usr/x", 'r'},
	{"an absolute symlinked parent stays inside",
	 {DIRECTORY("usr"), SYMLINK("l", "/usr"), REG("l/x", 1)}, LP_OK, "usr/x", 'r'},
	{"a symlinked parent that leaves", {SYMLINK("l", "../outside"), REG("l/x", 1)},
	 LP_EFORMAT, NULL, 0},
	{"a symlink to itself as parent", {SYMLINK("l", "l"), REG("l/x", 1)}, LP_EFORMAT, NULL, 0},
	{"a file as parent", {REG("f", 1), REG("f/x", 1)}, LP_EFORMAT, NULL, 0},
	{"a file replaces a symlink that leaves", {SYMLINK("l", "../outside/secret"), REG("l", 1)},
	 LP_OK, "l", 'r'},
	{"a 0:0 device", {NODE("n", S_IFCHR | 0600, 0, 0)}, LP_EFORMAT, NULL, 0},
	{"an overlay xattr",
	 {{.path = "d", .mode = S_IFDIR | 0755, .xattr = &overlay_xattr, .nxattr = 1}},
	 LP_EFORMAT, NULL, 0},
	{"a body that is missing", {{.path = "a", .mode = S_IFREG | 0600, .size = 1u << 20}},
	 LP_EFORMAT, NULL, 0},
};

static enum lp_code feed(struct lp_sink *s, const struct lp_entry *e, struct lp_err *err)
{
	static const char bytes[16] = "bbbbbbbbbbbbbbbb";

	if (s->entry(s, e, err))
		return err->code;
	if (e->size <= sizeof(bytes) && s->body(s, bytes, (size_t)e->size, err))
		return err->code;
	return LP_OK;
}

static enum lp_code unpack(int dir, const struct lp_entry entry[NENTRIES], struct lp_err *err)
{
	LP_AUTO(lp_extract_free) struct lp_extract x = {.parent = -1, .file = -1};

	if (lp_extract_open(&x, dir, err))
		return err->code;
	for (int i = 0; i < NENTRIES && entry[i].path; i++)
		if (feed(&x.sink, &entry[i], err))
			return err->code;
	if (x.sink.end_tree(&x.sink, 0, err))
		return err->code;
	return lp_extract_end(&x, err);
}

static char type_of(int dir, const char *path)
{
	LP_AUTO(lp_fd_close) int fd = openat(dir, *path ? path : ".", O_RDONLY | O_DIRECTORY);
	struct stat st;
	char value[2];

	if (fstatat(dir, *path ? path : ".", &st, AT_SYMLINK_NOFOLLOW))
		return '-';
	if (fd >= 0 && S_ISDIR(st.st_mode) && fgetxattr(fd, "trusted.overlay.opaque", value, 2) > 0)
		return 'o';
	return S_ISREG(st.st_mode)    ? 'r'
	       : S_ISDIR(st.st_mode)  ? 'd'
	       : S_ISLNK(st.st_mode)  ? 'l'
	       : S_ISCHR(st.st_mode)  ? 'c'
	       : S_ISBLK(st.st_mode)  ? 'b'
	       : S_ISFIFO(st.st_mode) ? 'p'
				      : '?';
}

static int names_in(const char *path)
{
	DIR *d = opendir(path);
	int n = 0;

	while (d && readdir(d))
		n++;
	if (d)
		closedir(d);
	return n;
}

static void remove_all(const char *path)
{
	char command[200];

	snprintf(command, sizeof(command), "rm -rf %s", path);
	if (system(command))
		printf("# %s failed\n", command);
}

static void attributes(const char *root)
{
	static const struct lp_xattr xattr = {"security.capability",
					      "\1\0\0\2\0\4\0\0\0\0\0\0\0\0\0\0\0\0\0\0", 20};
	struct lp_entry entry[NENTRIES] = {
		{.path = "d", .mode = S_IFDIR | 01750, .uid = 3, .gid = 4, .mtime = -2, .mtime_ns = 5},
		{.path = "d/s", .mode = S_IFREG | 04755, .uid = 12, .gid = 13, .size = 4,
		 .mtime = 1234567890, .mtime_ns = 987654321, .xattr = &xattr, .nxattr = 1},
	};
	LP_AUTO(lp_fd_close) int dir = open(root, O_RDONLY | O_DIRECTORY);
	struct lp_err err = {0};
	struct stat st = {0};
	char value[20];

	CHECK(unpack(dir, entry, &err) == LP_OK, "attributes: %s", err.msg);
	CHECK(!fstatat(dir, "d/s", &st, 0) && st.st_mode == (S_IFREG | 04755) && st.st_uid == 12 &&
		      st.st_gid == 13 && st.st_size == 4,
	      "attributes: owner, setuid and size of a file");
	CHECK(st.st_mtim.tv_sec == 1234567890 && st.st_mtim.tv_nsec == 987654321,
	      "attributes: time of a file");
	CHECK(!fstatat(dir, "d", &st, 0) && st.st_mode == (S_IFDIR | 01750) && st.st_uid == 3 &&
		      st.st_mtim.tv_sec == -2 && st.st_mtim.tv_nsec == 5,
	      "attributes: a directory's, after its children came");
	if (!fchdir(dir))
		CHECK(lgetxattr("d/s", "security.capability", value, 20) == 20,
		      "attributes: a capability survives the body and the chown");
}

static void one_case(size_t i, const char *top)
{
	char root[100], outside[100];
	struct lp_err err = {0};
	int dir;

	snprintf(root, sizeof(root), "%s/root%zu", top, i);
	snprintf(outside, sizeof(outside), "%s/outside", top);
	if (mkdir(root, 0755))
		return;
	dir = open(root, O_RDONLY | O_DIRECTORY);
	CHECK(unpack(dir, cases[i].entry, &err) == cases[i].want, "%s: %s", cases[i].name, err.msg);
	if (cases[i].want == LP_EFORMAT)
		CHECK(err.rule != NULL, "%s: names its rule", cases[i].name);
	if (cases[i].there)
		CHECK(type_of(dir, cases[i].there) == cases[i].type, "%s: %s is there",
		      cases[i].name, cases[i].there);
	CHECK(names_in(outside) == 3, "%s: nothing outside", cases[i].name);
	lp_fd_close(&dir);
}

int main(void)
{
	char top[] = "/tmp/extract_test.XXXXXX", path[100];
	FILE *f;

	if (geteuid()) {
		printf("ok 1 - extract # SKIP needs root\n1..1\n");
		return 0;
	}
	if (!mkdtemp(top))
		return 1;
	snprintf(path, sizeof(path), "%s/outside", top);
	if (mkdir(path, 0700))
		return 1;
	snprintf(path, sizeof(path), "%s/outside/secret", top);
	f = fopen(path, "w");
	if (f)
		fclose(f);
	for (size_t i = 0; i < NCASES; i++)
		one_case(i, top);
	snprintf(path, sizeof(path), "%s/attributes", top);
	if (!mkdir(path, 0700))
		attributes(path);
	remove_all(top);
	return test_done();
}
