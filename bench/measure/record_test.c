// SPDX-License-Identifier: MIT
#include "measure/record.h"

#include "base/file.h"
#include "testing/test.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static json_t *line(const char *kind, uint64_t n)
{
	json_t *o = json_object();

	lb_set_word(o, "kind", kind);
	lb_set_number(o, "n", n);
	return o;
}

static void half_a_line(const char *path)
{
	struct lp_err err;
	LP_AUTO(lp_fd_close) int fd = open(path, O_WRONLY | O_APPEND | O_CLOEXEC);

	if (lp_file_write(fd, "{\"kind\":", 8, &err))
		abort();
}

int main(void)
{
	char path[] = "/tmp/record_test.XXXXXX";
	int fd = mkstemp(path);
	LP_AUTO(lb_record_free) struct lb_record r = {.fd = -1};
	LP_AUTO(lp_json_free) json_t *list = NULL;
	struct lp_err err;

	lp_fd_close(&fd);
	CHECK(lb_record_load(path, &list, &err) == LP_EFORMAT, "an empty file has no session");
	CHECK(lb_record_open(&r, path, &err) == LP_OK && lb_record_add(&r, line("session", 1), &err)
	      == LP_OK && lb_record_add(&r, line("run", 2), &err) == LP_OK, "two lines");
	half_a_line(path);
	if (CHECK(lb_record_load(path, &list, &err) == LP_OK, "half a line is left out"))
		CHECK(json_array_size(list) == 2 && lb_number(json_array_get(list, 1), "n") == 2,
		      "the others are there");
	lp_json_free(&list);
	lb_record_free(&r);
	CHECK(lb_record_open(&r, path, &err) == LP_OK && lb_record_add(&r, line("run", 3), &err)
	      == LP_OK, "it is dropped when the file is opened again");
	if (CHECK(lb_record_load(path, &list, &err) == LP_OK, "and nothing is glued to it"))
		CHECK(json_array_size(list) == 3, "three lines");
	CHECK(!*lb_word(list, "no object") && !lb_number(NULL, "n"), "absent members");
	unlink(path);
	return test_done();
}
