// SPDX-License-Identifier: MIT
#include "tree/merge.h"

#include "layer/layer.h"

#include "testing/test.h"

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#define LAYERS 4
#define ENTRIES 8

/*
 * An entry in short: f file, d directory, s symlink, w whiteout, o opaque, h hard link.  The
 * uid of an entry is the number of its layer, so that results tell where they come from.
 */
struct brief {
	char kind;
	const char *path;
	const char *link;
};

struct image {
	int fd;
	struct lp_map map;
	struct lp_erofs e;
};

static void free_image(struct image *im)
{
	lp_map_free(&im->map);
	if (im->fd > 0)
		lp_fd_close(&im->fd);
}

static const struct {
	const char *name;
	struct brief layer[LAYERS][ENTRIES];
	const char *want;	/* "path:type uid [links][@device]" */
} cases[] = {
	{"one layer", {{{'d', "a", NULL}, {'f', "a/b", NULL}}}, "a:d0 a/b:f0@1 "},
	{"directories join",
	 {{{'d', "a", NULL}, {'f', "a/x", NULL}}, {{'d', "a", NULL}, {'f', "a/y", NULL}}},
	 "a:d1 a/x:f0@1 a/y:f1@2 "},
	{"a file replaces a file", {{{'f', "a", NULL}}, {{'f', "a", NULL}}}, "a:f1@2 "},
	{"a file replaces a directory", {{{'f', "a/b", NULL}}, {{'f', "a", NULL}}}, "a:f1@2 "},
	{"a directory replaces a file",
	 {{{'f', "a", NULL}}, {{'d', "a", NULL}, {'f', "a/b", NULL}}}, "a:d1 a/b:f1@2 "},
	{"a file between two directories hides the lower one",
	 {{{'f', "a/low", NULL}}, {{'f', "a", NULL}}, {{'f', "a/high", NULL}}},
	 "a:d0 a/high:f2@3 "},
	{"a whiteout hides a file", {{{'f', "a", NULL}, {'f', "b", NULL}}, {{'w', "a", NULL}}}, "b:f0@1 "},
	{"a whiteout hides a directory", {{{'f', "a/b", NULL}}, {{'w', "a", NULL}}}, ""},
	{"a whiteout hides nothing", {{{'w', "a", NULL}, {'f', "b", NULL}}}, "b:f0@1 "},
	{"a whiteout between two directories",
	 {{{'f', "a/low", NULL}}, {{'w', "a", NULL}}, {{'d', "a", NULL}, {'f', "a/high", NULL}}},
	 "a:d2 a/high:f2@3 "},
	{"what comes after a whiteout is there",
	 {{{'f', "a", NULL}}, {{'w', "a", NULL}}, {{'f', "a", NULL}}}, "a:f2@3 "},
	{"an opaque directory hides what is below",
	 {{{'f', "a/low", NULL}}, {{'f', "a/mid", NULL}},
	  {{'d', "a", NULL}, {'o', "a", NULL}, {'f', "a/new", NULL}}, {{'f', "a/high", NULL}}},
	 "a:d2 a/high:f3@4 a/new:f2@3 "},
	{"an opaque root",
	 {{{'f', "low", NULL}}, {{'o', "", NULL}, {'f', "new", NULL}}, {{'f', "high", NULL}}},
	 "high:f2@3 new:f1@2 "},
	{"an implied directory takes the attributes from below",
	 {{{'d', "a", NULL}}, {{'f', "a/b", NULL}}}, "a:d0 a/b:f1@2 "},
	{"from the uppermost layer that named it",
	 {{{'d', "a", NULL}}, {{'d', "a", NULL}}, {{'f', "a/b", NULL}}}, "a:d1 a/b:f2@3 "},
	{"even below an opaque one",
	 {{{'d', "a", NULL}, {'f', "a/low", NULL}}, {{'o', "a", NULL}, {'f', "a/b", NULL}}},
	 "a:d0 a/b:f1@2 "},
	{"hard links stay together",
	 {{{'f', "a", NULL}, {'h', "b", "a"}, {'h', "d/c", "a"}}}, "a:f0=3@1 b:f0=3@1 d:d0 d/c:f0=3@1 "},
	{"without the names that are hidden",
	 {{{'f', "a", NULL}, {'h', "b", "a"}, {'h', "c", "a"}}, {{'w', "a", NULL}, {'f', "c", NULL}}},
	 "b:f0@1 c:f1@2 "},
	{"of two layers they are two",
	 {{{'f', "a", NULL}, {'h', "b", "a"}}, {{'f', "c", NULL}, {'h', "d", "c"}}},
	 "a:f0=2@1 b:f0=2@1 c:f1=2@2 d:f1=2@2 "},
	{"a symlink over a directory is not followed",
	 {{{'f', "d/x", NULL}, {'f', "a/low", NULL}}, {{'s', "a", "d"}}}, "a:s1 d:d0 d/x:f0@1 "},
	{"names around the dots",
	 {{{'f', "!", NULL}, {'f', "a.b", NULL}}, {{'f', "-", NULL}, {'f', "a/b", NULL}}},
	 "!:f0@1 -:f1@2 a:d0 a/b:f1@2 a.b:f0@1 "},
};

static const char kinds[] = "fdswoh";
static const struct {
	enum lp_entry_kind kind;
	uint32_t mode;
} forms[] = {
	{LP_ENTRY_NODE, S_IFREG | 0644}, {LP_ENTRY_NODE, S_IFDIR | 0750},
	{LP_ENTRY_NODE, S_IFLNK | 0777}, {LP_ENTRY_WHITEOUT, 0},
	{LP_ENTRY_OPAQUE, 0}, {LP_ENTRY_HARDLINK, 0},
};

static enum lp_code add_brief(struct lp_tree *t, const struct brief *b, uint32_t layer,
			      struct lp_err *err)
{
	const struct lp_extent x = {.bytes = 1, .device = 1};
	const struct lp_xattr mark = {"user.mark", "1", 1};
	size_t form = (size_t)(strchr(kinds, b->kind) - kinds);
	const struct lp_entry e = {
		.kind = forms[form].kind,
		.mode = forms[form].mode,
		.path = b->path,
		.link = b->link,
		.uid = layer,
		.size = 1,
		.extent = &x,
		.nextent = b->kind == 'f',
		.xattr = &mark,
		.nxattr = 1,
	};

	return lp_tree_add(t, &e, err);
}

static enum lp_code encode(struct lp_tree *t, uint32_t ndevice, struct image *im,
			   struct lp_err *err)
{
	struct lp_erofs_device device[LAYERS];

	for (size_t i = 0; i < LAYERS; i++)
		device[i] = (struct lp_erofs_device){.bytes = LP_BLOCK};
	im->fd = memfd_create("tree", MFD_CLOEXEC);
	if (im->fd < 0)
		return lp_fail_errno(err, "memfd");
	if (lp_erofs_write(t, device, ndevice, im->fd, err) || lp_map_fd(&im->map, im->fd, err))
		return err->code;
	return lp_erofs_open(&im->e, im->map.p, im->map.bytes, err);
}

static enum lp_code make_layer(const struct brief *b, uint32_t layer, struct image *im,
			       struct lp_err *err)
{
	LP_AUTO(lp_tree_free) struct lp_tree t = {0};

	if (lp_tree_open(&t, err))
		return err->code;
	for (size_t i = 0; i < ENTRIES && b[i].kind; i++)
		if (add_brief(&t, &b[i], layer, err))
			return err->code;
	if (lp_tree_end(&t, err) || encode(&t, 1, im, err))
		return err->code;
	return lp_erofs_check(&im->e, LP_EROFS_LAYER, err);
}

struct dump {
	struct lp_erofs_visitor v;
	const struct lp_erofs *e;
	char text[1024];
};

static enum lp_code dump_one(struct lp_erofs_visitor *v, const char *path,
			     const struct lp_erofs_inode *i, struct lp_err *err)
{
	struct dump *d = (struct dump *)v;
	size_t n = strlen(d->text);
	struct lp_extent x;

	if (!*path)
		return LP_OK;
	n += (size_t)snprintf(d->text + n, sizeof(d->text) - n, "%s:%c%u", path,
			      S_ISDIR(i->mode) ? 'd' : S_ISLNK(i->mode) ? 's' : 'f', i->uid);
	if (!S_ISDIR(i->mode) && i->nlink > 1)
		n += (size_t)snprintf(d->text + n, sizeof(d->text) - n, "=%u", i->nlink);
	if (S_ISREG(i->mode)) {
		if (lp_erofs_extent(d->e, i, 0, &x, err))
			return err->code;
		n += (size_t)snprintf(d->text + n, sizeof(d->text) - n, "@%u", x.device);
	}
	snprintf(d->text + n, sizeof(d->text) - n, " ");
	return LP_OK;
}

static enum lp_code run_case(size_t i, struct image *im, struct dump *d, struct lp_err *err)
{
	LP_AUTO(lp_tree_free) struct lp_tree merged = {0};
	struct lp_erofs layer[LAYERS];
	uint32_t n = 0;

	for (; n < LAYERS && cases[i].layer[n][0].kind; n++) {
		if (make_layer(cases[i].layer[n], n, &im[n], err))
			return err->code;
		layer[n] = im[n].e;
	}
	if (lp_tree_open(&merged, err) || lp_tree_merge(layer, n, &merged, err) ||
	    encode(&merged, n, &im[LAYERS], err) || lp_erofs_check(&im[LAYERS].e, LP_EROFS_MERGED, err))
		return err->code;
	d->e = &im[LAYERS].e;
	return lp_erofs_walk(d->e, &d->v, err);
}

static void test_case(size_t i)
{
	struct image im[LAYERS + 1] = {{0}};
	struct dump d = {.v = {dump_one}};
	struct lp_err err = {0};

	if (run_case(i, im, &d, &err))
		CHECK(false, "%s: %s", cases[i].name, err.msg);
	else if (!CHECK(!strcmp(d.text, cases[i].want), "%s", cases[i].name))
		printf("# got %s\n# want %s\n", d.text, cases[i].want);
	for (size_t k = 0; k <= LAYERS; k++)
		free_image(&im[k]);
}

int main(void)
{
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		test_case(i);
	return test_done();
}
