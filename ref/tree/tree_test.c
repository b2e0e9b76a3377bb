// SPDX-License-Identifier: MIT
#include "tree/node.h"

#include "testing/test.h"

#include <stdlib.h>
#include <string.h>

#define ENTRIES 12

/* An entry in short: "f" file, "d" directory, "l" symlink, "h" hard link, "w", "o", "c". */
struct brief {
	char kind;
	const char *path;
	const char *link;
	uint32_t mode;		/* or 0: 0644, directories 0700 */
};

/* What is added, and the tree that comes of it: "path:kind mode links [target]". */
static const struct {
	const char *name;
	struct brief in[ENTRIES];
	const char *want;	/* or the rule that is broken */
} cases[] = {
	{"an empty tree", {{0}}, ":d755i2\n"},
	{"missing parents are made", {{'f', "a/b/c", NULL, 0}},
	 ":d755i3\na:d755i3\na/b:d755i2\na/b/c:f644n1\n"},
	{"and get attributes when they are named", {{'f', "a/b", NULL, 0}, {'d', "a", NULL, 0}},
	 ":d755i3\na:d700n2\na/b:f644n1\n"},
	{"the root is named", {{'d', "", NULL, 01777}}, ":d1777n2\n"},
	{"the root as a file", {{'f', "", NULL, 0}}, "tree.root.directory"},
	{"the root as a whiteout", {{'w', "", NULL, 0}}, "tree.root.directory"},
	{"sorted by bytes", {{'f', "b", NULL, 0}, {'f', "a.b", NULL, 0}, {'f', "a", NULL, 0},
	 {'f', "\xff", NULL, 0}, {'f', "!", NULL, 0}},
	 ":d755i2\n!:f644n1\na:f644n1\na.b:f644n1\nb:f644n1\n\xff:f644n1\n"},
	{"the later file wins", {{'f', "a", NULL, 0600}, {'f', "a", NULL, 0640}}, ":d755i2\na:f640n1\n"},
	{"a directory that is named again keeps its children",
	 {{'d', "a", NULL, 0}, {'f', "a/b", NULL, 0}, {'d', "a", NULL, 0750}},
	 ":d755i3\na:d750n2\na/b:f644n1\n"},
	{"a file over a directory takes its children away",
	 {{'f', "a/b", NULL, 0}, {'f', "a", NULL, 0}}, ":d755i2\na:f644n1\n"},
	{"and a directory over that starts empty",
	 {{'f', "a/b/c", NULL, 0}, {'f', "a", NULL, 0}, {'f', "a", NULL, 0}, {'d', "a", NULL, 0}},
	 ":d755i3\na:d700n2\n"},
	{"a child of a file", {{'f', "a", NULL, 0}, {'f', "a/b", NULL, 0}}, "tree.parent.not-directory"},
	{"a child of a symlink", {{'l', "a", "/", 0}, {'f', "a/b", NULL, 0}}, "tree.parent.not-directory"},
	{"a child of a hard link", {{'h', "a", "c", 0}, {'f', "a/b", NULL, 0}},
	 "tree.parent.not-directory"},
	{"a whiteout", {{'w', "a/b", NULL, 0}}, ":d755i3\na:d755i2\na/b:w0n1\n"},
	{"a whiteout beside a real entry", {{'f', "a", NULL, 0}, {'w', "a", NULL, 0}},
	 ":d755i2\na:f644n1\n"},
	{"a real entry beside a whiteout", {{'w', "a", NULL, 0}, {'f', "a", NULL, 0}},
	 ":d755i2\na:f644n1\n"},
	{"a child below a whiteout", {{'w', "a", NULL, 0}, {'f', "a/b", NULL, 0}},
	 ":d755i3\na:d755no2\na/b:f644n1\n"},
	{"a directory behind its whiteout", {{'w', "a", NULL, 0}, {'d', "a", NULL, 0}},
	 ":d755i3\na:d700no2\n"},
	{"a directory before it", {{'d', "a", NULL, 0}, {'w', "a", NULL, 0}},
	 ":d755i3\na:d700no2\n"},
	{"a directory that nobody named before it", {{'f', "a/b", NULL, 0}, {'w', "a", NULL, 0}},
	 ":d755i3\na:d755no2\na/b:f644n1\n"},
	{"an opaque directory before it is named", {{'o', "a", NULL, 0}, {'d', "a", NULL, 0}},
	 ":d755i3\na:d700no2\n"},
	{"and behind", {{'d', "a", NULL, 0}, {'o', "a", NULL, 0}}, ":d755i3\na:d700no2\n"},
	{"an opaque root", {{'o', "", NULL, 0}}, ":d755io2\n"},
	{"an opaque file", {{'f', "a", NULL, 0}, {'o', "a", NULL, 0}}, "tree.parent.not-directory"},
	{"a hard link", {{'f', "a", NULL, 0}, {'h', "b", "a", 0}}, ":d755i2\na:f644n2\nb:h a\n"},
	{"a hard link forwards", {{'h', "a", "d/b", 0}, {'f', "d/b", NULL, 0}},
	 ":d755i3\na:h b\nd:d755i2\nd/b:f644n2\n"},
	{"a chain of them",
	 {{'h', "a", "b", 0}, {'h', "b", "c", 0}, {'h', "c", "d", 0}, {'f', "d", NULL, 0},
	 {'h', "e", "b", 0}},
	 ":d755i2\na:h d\nb:h d\nc:h d\nd:f644n5\ne:h d\n"},
	{"a hard link to a symlink", {{'l', "a", "x", 0}, {'h', "b", "a", 0}},
	 ":d755i2\na:l777n2 x\nb:h a\n"},
	{"a hard link to what replaced the target",
	 {{'h', "b", "a", 0}, {'f', "a", NULL, 0}, {'l', "a", "x", 0}}, ":d755i2\na:l777n2 x\nb:h a\n"},
	{"a hard link to what was replaced behind it",
	 {{'f', "a", NULL, 0}, {'h', "b", "a", 0}, {'l', "a", "x", 0}, {'h', "c", "b", 0}},
	 ":d755i2\na:l777n1 x\nb:h a\nc:h a\n"},
	{"a hard link to a file that takes its target's place",
	 {{'f', "a", NULL, 0}, {'h', "b", "a", 0}, {'f', "c", NULL, 0}, {'h', "a", "c", 0}},
	 ":d755i2\na:h c\nb:h a\nc:f644n2\n"},
	{"a hard link to itself, over a file with links",
	 {{'f', "a", NULL, 0}, {'h', "b", "a", 0}, {'h', "a", "a", 0}}, "tree.hardlink.cycle"},
	{"a hard link to itself", {{'h', "a", "a", 0}}, "tree.hardlink.cycle"},
	{"a cycle", {{'h', "a", "b", 0}, {'h', "b", "c", 0}, {'h', "c", "b", 0}}, "tree.hardlink.cycle"},
	{"a hard link to a directory", {{'d', "a", NULL, 0}, {'h', "b", "a", 0}},
	 "tree.hardlink.directory"},
	{"a hard link to the root", {{'h', "b", "", 0}}, "tree.hardlink.directory"},
	{"a hard link to nothing", {{'h', "b", "a", 0}}, "tar.link.lower-layer"},
	{"a hard link to a whiteout", {{'w', "a", NULL, 0}, {'h', "b", "a", 0}}, "tar.link.lower-layer"},
	{"a hard link below a file", {{'f', "a", NULL, 0}, {'h', "b", "a/c", 0}}, "tar.link.lower-layer"},
	{"a hard link to what went with its directory",
	 {{'f', "a/b", NULL, 0}, {'h', "c", "a/b", 0}, {'f', "a", NULL, 0}},
	 ":d755i2\na:f644n1\nc:h b\n"},
	{"a hard link forwards to what goes with its directory",
	 {{'h', "c", "a/b", 0}, {'f', "a/b", NULL, 0}, {'f', "a", NULL, 0}}, "tar.link.lower-layer"},
	{"a hard link that went itself", {{'h', "a/b", "x", 0}, {'f', "a", NULL, 0}},
	 ":d755i2\na:f644n1\n"},
	{"a 0:0 device", {{'c', "a", NULL, 0}}, "tree.device.overlay-reserved"},
	{"an empty target", {{'l', "a", "", 0}}, "tree.symlink.target"},
	{"a path with ..", {{'f', "a/../b", NULL, 0}}, "tree.path.clean"},
	{"a path with .", {{'f', "./b", NULL, 0}}, "tree.path.clean"},
	{"a path with //", {{'f', "a//b", NULL, 0}}, "tree.path.clean"},
	{"a path with / behind", {{'f', "a/", NULL, 0}}, "tree.path.clean"},
	{"an absolute path", {{'f', "/a", NULL, 0}}, "tree.path.clean"},
};

static const char *const kinds = "fdlhwoc";
static const uint32_t types[] = {S_IFREG, S_IFDIR, S_IFLNK, S_IFREG, 0, 0, S_IFCHR};

static enum lp_code add_brief(struct lp_tree *t, const struct brief *b, struct lp_err *err)
{
	static const enum lp_entry_kind kind[128] = {
		['h'] = LP_ENTRY_HARDLINK, ['w'] = LP_ENTRY_WHITEOUT, ['o'] = LP_ENTRY_OPAQUE,
	};
	uint32_t mode = b->mode ? b->mode : b->kind == 'd' ? 0700 : 0644;
	struct lp_entry e = {
		.kind = kind[(uint8_t)b->kind],
		.path = b->path,
		.link = b->link,
		.mode = types[strchr(kinds, b->kind) - kinds] | mode,
	};

	return lp_tree_add(t, &e, err);
}

static size_t dump(const struct lp_tree *t, uint32_t node, const char *path, char *out, size_t room)
{
	const struct lp_node *n = lp_node(t, node), *to = lp_node(t, lp_node_inode(t, node));
	const char *type = n->kind == LP_ENTRY_WHITEOUT ? "w" :
			   lp_node_is_dir(n)		? "d" :
			   S_ISLNK(n->mode)		? "l" : "f";
	size_t at = 0;

	if (n->kind == LP_ENTRY_HARDLINK)
		return (size_t)snprintf(out, room, "%s:h %.*s\n", path, to->name_bytes,
					lp_node_text(t, to->name));
	at += (size_t)snprintf(out, room, "%s:%s%o%s%s%u", path, type, n->mode & 07777,
			       n->flags & LP_NODE_IMPLIED ? "i" : "n",
			       n->flags & LP_NODE_OPAQUE ? "o" : "", n->nlink);
	if (S_ISLNK(n->mode))
		at += (size_t)snprintf(out + at, room - at, " %.*s", (int)n->size,
				       lp_node_text(t, n->a));
	at += (size_t)snprintf(out + at, room - at, "\n");
	for (uint32_t i = 0; i < n->nchild; i++) {
		const struct lp_node *c = lp_node(t, lp_node_child(t, n, i));
		char below[256];

		snprintf(below, sizeof(below), "%s%s%.*s", path, *path ? "/" : "", c->name_bytes,
			 lp_node_text(t, c->name));
		at += dump(t, lp_node_child(t, n, i), below, out + at, room - at);
	}
	return at;
}

static void test_case(size_t i)
{
	LP_AUTO(lp_tree_free) struct lp_tree t = {0};
	struct lp_err err = {0};
	char got[4096] = "";
	bool failed = lp_tree_open(&t, &err);

	for (size_t k = 0; k < ENTRIES && cases[i].in[k].kind && !failed; k++)
		failed = add_brief(&t, &cases[i].in[k], &err);
	failed = failed || lp_tree_end(&t, &err);
	if (failed)
		snprintf(got, sizeof(got), "%s", err.rule ? err.rule : err.msg);
	else
		dump(&t, 0, "", got, sizeof(got));
	if (!CHECK(!strcmp(got, cases[i].want), "%s", cases[i].name))
		printf("# got\n%s# want\n%s# %s\n", got, cases[i].want, err.msg);
}

/* Extents of one file of 5 blocks, and the runs or the rule. */
static const struct {
	const char *name;
	struct lp_extent x[3];
	size_t n;
	const char *want;
} extents[] = {
	{"one", {{0, 20000, 4096, 1}}, 1, "0+5@1:1 "},
	{"two that touch on the device", {{0, 8192, 4096, 1}, {8192, 11808, 12288, 1}}, 2, "0+5@1:1 "},
	{"two that do not", {{0, 8192, 4096, 1}, {8192, 11808, 4096, 1}}, 2, "0+2@1:1 2+3@1:1 "},
	{"two in one block", {{0, 5000, 4096, 1}, {5000, 15000, 9096, 1}}, 2, "0+5@1:1 "},
	{"two in one block, a gap between", {{0, 5000, 4096, 1}, {6000, 10, 10096, 1}}, 2, "0+2@1:1 "},
	{"a hole", {{0, 1, 4096, 1}, {8192, 1, 0, 2}}, 2, "0+1@1:1 2+1@2:0 "},
	{"two in one block of the file only", {{0, 5000, 4096, 1}, {6000, 10, 42864, 1}}, 2,
	 "tree.extent.block"},
	{"not aligned", {{0, 5, 4097, 1}}, 1, "tree.extent.alignment"},
	{"empty", {{0, 0, 0, 1}}, 1, "tree.extent.range"},
	{"past the end", {{0, 20001, 0, 1}}, 1, "tree.extent.range"},
	{"wraps", {{4096, UINT64_MAX, 0, 1}}, 1, "tree.extent.range"},
	{"overlap", {{0, 8192, 0, 1}, {4096, 1, 4096, 1}}, 2, "tree.extent.range"},
	{"no device", {{0, 1, 0, 0}}, 1, "tree.extent.device"},
	{"past every device", {{0, 1, UINT64_C(1) << 44, 1}}, 1, "tree.extent.device"},
};

static void test_extents(size_t i)
{
	LP_AUTO(lp_tree_free) struct lp_tree t = {0};
	const struct lp_entry e = {
		.path = "a", .mode = S_IFREG, .size = 20000,
		.extent = extents[i].x, .nextent = extents[i].n,
	};
	struct lp_err err = {0};
	char got[300] = "";
	size_t at = 0;

	if (lp_tree_open(&t, &err) || lp_tree_add(&t, &e, &err)) {
		snprintf(got, sizeof(got), "%s", err.rule ? err.rule : err.msg);
	} else {
		for (uint32_t k = 0; k < lp_node(&t, 1)->nrun; k++) {
			struct lp_run r;

			lp_node_run(&t, lp_node(&t, 1), k, &r);
			at += (size_t)snprintf(got + at, sizeof(got) - at, "%llu+%u@%u:%u ",
					       (unsigned long long)r.block, r.blocks, r.device,
					       r.device_block);
		}
	}
	if (!CHECK(!strcmp(got, extents[i].want), "extents: %s", extents[i].name))
		printf("# got %s, want %s\n", got, extents[i].want);
}

/* One xattr, and the rule that it breaks, or how many are kept. */
static const struct {
	const char *name;
	size_t bytes;
	const char *want;
} xattrs[] = {
	{"user.a", 1, "1"},
	{"security.capability", 20, "1"},
	{"system.posix_acl_access", 28, "1"},
	{"system.posix_acl_accessx", 28, "0"},
	{"com.apple.provenance", 1, "0"},
	{"user.", 1, "tree.xattr.name"},
	{"trusted.overlay.opaque", 1, "tree.xattr.overlay-reserved"},
	{"trusted.overlay.", 1, "tree.xattr.overlay-reserved"},
	{"user.b", 65535, "1"},
	{"user.b", 65536, "tree.limit.xattr-value"},
};

static void test_xattr(size_t i)
{
	static const char value[65536];
	LP_AUTO(lp_tree_free) struct lp_tree t = {0};
	const struct lp_xattr x = {xattrs[i].name, value, xattrs[i].bytes};
	const struct lp_entry e = {.path = "a", .mode = S_IFREG, .xattr = &x, .nxattr = 1};
	struct lp_err err = {0};
	char got[300];

	if (lp_tree_open(&t, &err) || lp_tree_add(&t, &e, &err))
		snprintf(got, sizeof(got), "%s", err.rule ? err.rule : err.msg);
	else
		snprintf(got, sizeof(got), "%u", lp_node(&t, 1)->nxattr);
	if (!CHECK(!strcmp(got, xattrs[i].want), "xattr %s of %zu bytes", x.name, x.bytes))
		printf("# got %s, want %s\n", got, xattrs[i].want);
}

static void test_xattr_order(void)
{
	LP_AUTO(lp_tree_free) struct lp_tree t = {0};
	const struct lp_xattr x[] = {{"user.b", "1", 1}, {"user.a", "2", 1}, {"user.b", "3", 1}};
	const struct lp_entry e = {.path = "a", .mode = S_IFDIR, .xattr = x, .nxattr = 3};
	const struct lp_entry o = {.path = "a", .kind = LP_ENTRY_OPAQUE};
	const char *name = "", *value = "";
	struct lp_err err = {0};
	struct lp_node_xattr h;
	char got[128] = "";
	uint32_t at = 0;

	if (!lp_tree_open(&t, &err) && !lp_tree_add(&t, &e, &err) && !lp_tree_add(&t, &o, &err) &&
	    !lp_tree_end(&t, &err)) {
		at = lp_node(&t, 1)->xattr;
		for (uint32_t i = 0; i < lp_node(&t, 1)->nxattr; i++) {
			size_t n = strlen(got);

			lp_node_xattr(&t, &at, &h, &name, &value);
			snprintf(got + n, sizeof(got) - n, "%.*s=%.*s ", (int)h.name_bytes, name,
				 (int)h.value_bytes, value);
		}
	}
	CHECK(!strcmp(got, "trusted.overlay.opaque=y user.a=2 user.b=3 "),
	      "xattrs are sorted, the last of a name counts, opaque is one: %s", got);
}

static void test_limits(void)
{
	LP_AUTO(lp_tree_free) struct lp_tree t = {0};
	static char name[LP_PATH_MAX + 1];
	struct lp_entry e = {.path = name, .mode = S_IFREG};
	struct lp_err err = {0};

	if (!CHECK(!lp_tree_open(&t, &err), "open"))
		return;
	memset(name, 'a', 255);
	CHECK(!lp_tree_add(&t, &e, &err), "a name of 255 bytes: %s", err.msg);
	name[255] = 'a';
	CHECK(lp_tree_add(&t, &e, &err) && !strcmp(err.rule ? err.rule : "", "tree.limit.name"),
	      "a name of 256 bytes");
	for (size_t i = 0; i < LP_PATH_MAX; i += 2)
		memcpy(name + i, "a/", 2);
	name[LP_PATH_MAX - 1] = '\0';
	CHECK(!lp_tree_add(&t, &e, &err), "a path of %zu bytes: %s", strlen(name), err.msg);
	name[LP_PATH_MAX - 1] = 'b';
	CHECK(lp_tree_add(&t, &e, &err) && !strcmp(err.rule ? err.rule : "", "tree.limit.path"),
	      "a path of %zu bytes", strlen(name));
	e.path = "big";
	e.size = LP_TREE_FILE_MAX + 1;
	CHECK(lp_tree_add(&t, &e, &err) &&
	      !strcmp(err.rule ? err.rule : "", "tree.limit.file-bytes"), "a file beyond the limit");
}

int main(void)
{
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		test_case(i);
	for (size_t i = 0; i < sizeof(extents) / sizeof(extents[0]); i++)
		test_extents(i);
	for (size_t i = 0; i < sizeof(xattrs) / sizeof(xattrs[0]); i++)
		test_xattr(i);
	test_xattr_order();
	test_limits();
	return test_done();
}
