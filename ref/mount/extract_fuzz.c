// SPDX-License-Identifier: MIT
/* Layers of few names, so that entries meet: nothing may ever appear beside the directory. */
#include "mount/extract.h"

#include "testing/dir.h"

#include <dirent.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#define ENTRIES_MAX 32

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static const char *const part[] = {"a", "b", "..", ".", "", "/", "l", "dir"};
static const char *const target[] = {"..", "../..", "/", "a", "l", "../out", "/out", "dir/b"};
static const mode_t type[] = {S_IFREG, S_IFDIR, S_IFLNK, S_IFIFO,
			      S_IFCHR, S_IFREG, S_IFDIR, S_IFREG};

static void make_path(uint8_t a, uint8_t b, char out[64])
{
	snprintf(out, 64, "%s%s%s%s%s", part[a & 7], b & 8 ? "/" : "", b & 8 ? part[a >> 4 & 7] : "",
		 b & 16 ? "/" : "", b & 16 ? part[b & 7] : "");
}

static void feed(struct lp_sink *s, const uint8_t *data, size_t n)
{
	for (size_t i = 0; i + 4 <= n && i < (size_t)4 * ENTRIES_MAX; i += 4) {
		char path[64], link[64];
		struct lp_entry e = {.path = path, .link = target[data[i + 3] & 7],
				     .kind = (enum lp_entry_kind)(data[i] & 3),
				     .mode = type[data[i] >> 2 & 7] | 0755, .major = data[i] >> 5};
		struct lp_err err = {0};

		make_path(data[i + 1], data[i + 2], path);
		make_path(data[i + 3], data[i + 2] >> 3, link);
		if (e.kind == LP_ENTRY_HARDLINK)
			e.link = link;
		if (S_ISREG(e.mode) && e.kind == LP_ENTRY_NODE)
			e.size = data[i + 3] & 1;
		if (!s->entry(s, &e, &err) && e.size && s->body(s, "x", 1, &err))
			return;
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	LP_AUTO(lp_extract_free) struct lp_extract x = {.parent = -1, .file = -1};
	char top[TEST_DIR], path[TEST_DIR + 8];
	LP_AUTO(lp_fd_close) int dir = -1;
	struct lp_err err = {0};
	int names = 0;
	DIR *d;

	test_dir_make(top);
	snprintf(path, sizeof(path), "%s/in", top);
	if (mkdir(path, 0755))
		return 0;
	dir = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (!lp_extract_open(&x, dir, &err)) {
		feed(&x.sink, data, n);
		if (lp_extract_end(&x, &err))
			names = 0;
	}
	for (d = opendir(top); d && readdir(d);)
		names++;
	if (names != 3)
		__builtin_trap();
	if (d)
		closedir(d);
	test_dir_remove(top);
	return 0;
}
