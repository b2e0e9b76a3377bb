// SPDX-License-Identifier: MIT
#include "mount/waits.h"
#include "layer/layer.h"
#include "testing/test.h"

#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>

#define FILES 3

static char names[FILES][16] = {"a", "d/\xff", "gone"};

struct world {
	struct lp_map map;
	struct lp_erofs tree;
	uint64_t nid[FILES];		/* of names; the last is of no file */
};

static enum lp_code make_tree(struct world *w, struct lp_err *err)
{
	LP_AUTO(lp_tree_free) struct lp_tree t = {0};
	LP_AUTO(lp_fd_close) int fd = memfd_create("tree", MFD_CLOEXEC);
	char dir[] = "d";
	const struct lp_extent part[] = {{.bytes = LP_BLOCK, .device_off = LP_BLOCK, .device = 1},
					 {.off = LP_BLOCK, .bytes = LP_BLOCK, .device = 2}};
	const struct lp_erofs_device device[] = {{.bytes = 4 * LP_BLOCK}, {.bytes = LP_BLOCK}};
	const struct lp_entry nodes[] = {{.path = names[0], .mode = S_IFREG | 0600,
					  .extent = part, .nextent = 2, .size = 2 * LP_BLOCK},
					 {.path = dir, .mode = S_IFDIR | 0700},
					 {.path = names[1], .mode = S_IFREG | 0600}};

	if (lp_tree_open(&t, err))
		return err->code;
	for (size_t i = 0; i < FILES; i++)
		if (lp_tree_add(&t, &nodes[i], err))
			return err->code;
	if (lp_tree_end(&t, err) || lp_erofs_write(&t, device, 2, fd, err) ||
	    lp_map_fd(&w->map, fd, err) || lp_erofs_open(&w->tree, w->map.p, w->map.bytes, err))
		return err->code;
	w->nid[FILES - 1] = 1u << 30;
	for (size_t i = 0; i + 1 < FILES; i++) {
		struct lp_erofs_inode inode;

		if (lp_erofs_path(&w->tree, names[i], &inode, err))
			return err->code;
		w->nid[i] = inode.nid;
	}
	return LP_OK;
}

static json_t *read_all(struct lp_waits *l, const struct world *w)
{
	LP_AUTO(lp_buf_free) struct lp_buf list = {0};
	struct lp_err err = {0};
	json_t *j = NULL;

	CHECK(!lp_waits_list(l, 0, &list, &err) && !lp_waits_json(&list, &w->tree, &j, &err),
	      "a list %s", err.msg);
	return j;
}

static long long number(const json_t *list, size_t i, const char *key)
{
	return json_integer_value(json_object_get(json_array_get(list, i), key));
}

static bool has(const json_t *list, size_t i, const char *key, const char *value)
{
	const char *s = json_string_value(json_object_get(json_array_get(list, i), key));

	return s ? value && !strcmp(s, value) : !value;
}

static void check_names(const struct world *w)
{
	struct lp_waits l;
	json_t *j;

	lp_waits_init(&l);
	j = read_all(&l, w);
	CHECK(json_is_array(j) && !json_array_size(j), "nobody waited");
	json_decref(j);
	for (uint64_t i = 0; i < FILES; i++)
		lp_waits_add(&l, &(struct lp_waited){w->nid[i], i, 10, 0, 100 + i, 7, i == 1});
	j = read_all(&l, w);
	CHECK(json_array_size(j) == FILES && has(j, 0, "path", "a") && number(j, 0, "offset") == 0 &&
	      number(j, 0, "at_ns") == 100 && number(j, 0, "wait_ns") == 7, "the first");
	CHECK(has(j, 1, "path", NULL) && has(j, 1, "path_base64", "ZC//") &&
	      json_is_true(json_object_get(json_array_get(j, 1), "failed")), "a name that is no text");
	CHECK(has(j, 2, "path", NULL) && has(j, 2, "path_base64", NULL) && number(j, 2, "bytes") == 10,
	      "an inode without a name");
	json_decref(j);
	lp_waits_free(&l);
}

static void check_bound(const struct world *w)
{
	const uint64_t many = LP_WAITS * 2 + 10;
	uint64_t n = 0, wait_ns = 0;
	struct lp_waits l;
	json_t *j;

	lp_waits_init(&l);
	for (uint64_t i = 0; i < many; i++)
		lp_waits_add(&l, &(struct lp_waited){w->nid[0], i, 1, 0, i, 2, false});
	lp_waits_sum(&l, &n, &wait_ns);
	CHECK(n == many && wait_ns == 2 * many, "the sums are of all");
	j = read_all(&l, w);
	CHECK(json_array_size(j) == LP_WAITS &&
	      number(j, 0, "offset") == (long long)(many - LP_WAITS) &&
	      number(j, LP_WAITS - 1, "offset") == (long long)many - 1, "the last ones are kept");
	json_decref(j);
	lp_waits_free(&l);
}

/* What was read of devices: in two logs, of which the second began before. */
static void check_devices(const struct world *w)
{
	LP_AUTO(lp_buf_free) struct lp_buf list = {0};
	struct lp_err err = {0};
	struct lp_waits l, m;
	json_t *j = NULL;

	lp_waits_init(&l);
	lp_waits_init(&m);
	lp_waits_add(&l, &(struct lp_waited){.off = LP_BLOCK + 5, .bytes = 1, .at_ns = 10});
	lp_waits_add(&l, &(struct lp_waited){.off = 3 * LP_BLOCK, .bytes = 2, .at_ns = 20});
	lp_waits_add(&m, &(struct lp_waited){.off = 7, .bytes = 3, .at_ns = 5});
	CHECK(!lp_waits_list(&l, 1, &list, &err) && !lp_waits_list(&m, 2, &list, &err) &&
	      !lp_waits_json(&list, &w->tree, &j, &err) && json_array_size(j) == 3,
	      "of devices %s", err.msg);
	CHECK(number(j, 0, "bytes") == 3 && has(j, 0, "path", "a") &&
	      number(j, 0, "offset") == LP_BLOCK + 7, "the second part of a file");
	CHECK(number(j, 1, "bytes") == 1 && has(j, 1, "path", "a") && number(j, 1, "offset") == 5,
	      "the first one");
	CHECK(number(j, 2, "bytes") == 2 && has(j, 2, "path", NULL) &&
	      number(j, 2, "offset") == 3 * LP_BLOCK, "what is no file's");
	json_decref(j);
	lp_waits_free(&l);
	lp_waits_free(&m);
}

int main(void)
{
	struct world w = {.map = {.bytes = 0}};
	struct lp_err err = {0};

	if (CHECK(!make_tree(&w, &err), "a tree %s", err.msg)) {
		check_names(&w);
		check_bound(&w);
		check_devices(&w);
	}
	lp_map_free(&w.map);
	return test_done();
}
