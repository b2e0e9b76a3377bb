// SPDX-License-Identifier: MIT
/* What other people's programs archive, we read as it lies on disk. */
#include "base/file.h"
#include "testing/test.h"
#include "tree/tar.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/xattr.h>
#include <unistd.h>

#define N50 "12345678901234567890123456789012345678901234567890"
static const char make_tree[] =
	"set -e; mkdir -p t/d/e; printf hello >t/d/a; : >t/d/empty; head -c 70000 /bin/sh >t/big\n"
	"ln -s ../d/a t/d/e/s; ln t/d/a t/link; mkfifo t/p; chmod 4711 t/big; chmod 1777 t/d/e\n"
	"mkdir t/" N50 "; printf x >t/" N50 "/" N50 "\n"
	"mkdir -p long/t; printf y >long/t/" N50 N50 N50 "\n"
	"ln -s " N50 "/" N50 "/" N50 " long/t/s; printf z >'long/t/'$(printf '\\303\\251')\n"
	"find t long -exec touch -h -d @1600000000.5 {} +\n";

#define PYTHON "python3 -c 'import tarfile; t=tarfile.open(\"p.tar\",\"w\",format=tarfile."
#define PYTHON_ALL "_FORMAT); t.add(\"t\"); t.add(\"long/t\",\"t\"); t.close()'"

/* @entries: how many there are.  @ns: the format has fractions of seconds. */
static const struct {
	const char *name, *peer, *command;
	size_t entries;
	bool ns;
} peers[] = {
	{"GNU tar, v7", "tar", "tar --format=v7 -cf p.tar t/d t/link t/big", 7, false},
	{"GNU tar, oldgnu", "tar", "tar --format=oldgnu -cf p.tar t -C long t", 15, false},
	{"GNU tar, gnu", "tar", "tar --format=gnu -cf p.tar t -C long t", 15, false},
	{"GNU tar, ustar", "tar", "tar --format=ustar -cf p.tar t", 11, false},
	{"GNU tar, posix", "tar", "tar --format=posix --xattrs -cf p.tar t -C long t", 15,
	 true},
	{"bsdtar, ustar", "bsdtar", "bsdtar --format=ustar -cf p.tar t", 11, false},
	{"bsdtar, pax", "bsdtar", "bsdtar --format=pax -cf p.tar t -C long t", 15, true},
	{"bsdtar, gnutar", "bsdtar", "bsdtar --format=gnutar -cf p.tar t -C long t", 15, false},
	{"Python, gnu", "python3", PYTHON "GNU" PYTHON_ALL, 15, false},
	{"Python, pax", "python3", PYTHON "PAX" PYTHON_ALL, 15, true},
};

static bool run(const char *command)
{
	return system(command) == 0;
}

/* Where the entry came from: t/ or long/t/. */
static bool find(const struct lp_entry *e, char out[static LP_PATH_MAX + 8], struct stat *st)
{
	snprintf(out, LP_PATH_MAX + 8, "%s", e->path);
	if (!lstat(out, st))
		return true;
	snprintf(out, LP_PATH_MAX + 8, "long/%s", e->path);
	return !lstat(out, st);
}

static bool same_link(const struct lp_entry *e, const char *path, const struct stat *st)
{
	char target[LP_PATH_MAX];
	struct stat to;
	ssize_t n;

	if (e->kind == LP_ENTRY_HARDLINK)
		return !lstat(e->link, &to) && to.st_ino == st->st_ino;
	if (!S_ISLNK(e->mode))
		return !e->link;
	n = readlink(path, target, sizeof(target));
	return n == (ssize_t)strlen(e->link) && !memcmp(target, e->link, (size_t)n);
}

static bool same_body(struct lp_tar *t, const struct lp_entry *e, const char *path)
{
	LP_AUTO(lp_fd_close) int fd = -1;
	struct lp_err err = {0};
	char ours[4096], theirs[4096];
	size_t got = 1;

	if (e->kind != LP_ENTRY_NODE || !S_ISREG(e->mode))
		return true;
	fd = open(path, O_RDONLY | O_CLOEXEC);
	while (got) {
		if (lp_read(&t->body, ours, sizeof(ours), &got, &err) ||
		    read(fd, theirs, got) != (ssize_t)got || memcmp(ours, theirs, got) != 0)
			return false;
	}
	return read(fd, theirs, 1) == 0;
}

static bool same(struct lp_tar *t, const struct lp_entry *e, bool ns)
{
	char path[LP_PATH_MAX + 8];
	struct stat st;

	if (!find(e, path, &st))
		return false;
	if (e->kind == LP_ENTRY_NODE && S_ISREG(e->mode) && e->size != (uint64_t)st.st_size)
		return false;
	/* The peer reads the directory t twice; what it says of links' modes is its own. */
	return e->uid == st.st_uid && e->gid == st.st_gid && e->mode == st.st_mode &&
	       e->mtime == st.st_mtim.tv_sec &&
	       e->mtime_ns == (ns ? (uint32_t)st.st_mtim.tv_nsec : 0) &&
	       same_link(e, path, &st) && same_body(t, e, path);
}

static void test_peer(size_t i)
{
	LP_AUTO(lp_fd_close) int fd = open("p.tar", O_RDONLY | O_CLOEXEC);
	LP_AUTO(lp_tar_free) struct lp_tar t = {0};
	size_t n = 0, differ = 0, xattrs = 0;
	struct lp_fd_reader r;
	struct lp_err err = {0};
	struct lp_entry e;
	bool more = true;

	lp_fd_reader_open(&r, fd);
	if (lp_tar_open(&t, &r.reader, &err))
		more = false;
	while (more && !lp_tar_next(&t, &e, &more, &err) && more) {
		n++;
		differ += !same(&t, &e, peers[i].ns);
		xattrs += e.nxattr;
	}
	CHECK(!err.code && !differ, "%s: %zu entries, %zu differ%s%s", peers[i].name, n, differ,
	      err.code ? ", " : "", err.msg);
	CHECK(n == peers[i].entries, "%s: all are there", peers[i].name);
	if (strstr(peers[i].command, "--xattrs") && getxattr("t/d/a", "user.k", NULL, 0) >= 0)
		CHECK(xattrs >= 1, "%s: its xattrs", peers[i].name);
}

int main(void)
{
	char dir[] = "/tmp/lazypull-tar.XXXXXX", command[64];
	bool ready = mkdtemp(dir) && !chdir(dir) && run(make_tree);

	if (ready)
		setxattr("t/d/a", "user.k", "v", 1, 0);
	for (size_t i = 0; ready && i < sizeof(peers) / sizeof(peers[0]); i++) {
		snprintf(command, sizeof(command), "command -v %s >/dev/null", peers[i].peer);
		if (!run(command))
			printf("ok %d - %s # SKIP no %s\n", ++test_count, peers[i].name,
			       peers[i].peer);
		else if (CHECK(run(peers[i].command), "%s archives", peers[i].name))
			test_peer(i);
	}
	CHECK(ready && !chdir("/"), "a tree to archive");
	snprintf(command, sizeof(command), "rm -rf %s", dir);
	CHECK(run(command), "the tree is gone");
	return test_done();
}
