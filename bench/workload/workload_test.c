// SPDX-License-Identifier: MIT
#include "workload/workload.h"

#include "base/file.h"
#include "testing/test.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define TASK(ready) "{\"name\":\"t\",\"argv\":[\"a\"],\"env\":[],\"ready\":" ready "}"
#define IMAGE(tasks) "{\"name\":\"x\",\"tag\":\"latest\",\"tasks\":[" tasks "]}"

static const struct {
	const char *what, *text;
	enum lp_code want;
} cases[] = {
	{"a line", IMAGE(TASK("{\"kind\":\"line\",\"text\":\"hello\"}")), LP_OK},
	{"http", IMAGE(TASK("{\"kind\":\"http\",\"port\":80,\"path\":\"/\"}")), LP_OK},
	{"exit", IMAGE(TASK("{\"kind\":\"exit\"}")), LP_OK},
	{"no tasks", IMAGE(""), LP_ELIMIT},
	{"no text", IMAGE(TASK("{\"kind\":\"line\"}")), LP_EFORMAT},
	{"no port", IMAGE(TASK("{\"kind\":\"http\",\"port\":0,\"path\":\"/\"}")), LP_EFORMAT},
	{"port too high", IMAGE(TASK("{\"kind\":\"http\",\"port\":65536,\"path\":\"/\"}")),
	 LP_EFORMAT},
	{"no such kind", IMAGE(TASK("{\"kind\":\"port\",\"port\":1,\"path\":\"/\"}")), LP_EFORMAT},
	{"a number in argv", IMAGE("{\"name\":\"t\",\"argv\":[1],\"env\":[],\"ready\":"
				   "{\"kind\":\"exit\"}}"), LP_EFORMAT},
	{"no JSON", "[", LP_EFORMAT},
};

int main(void)
{
	char dir[] = "/tmp/workload_test.XXXXXX", path[64];
	struct lb_workload w = {0};
	struct lp_err err;

	if (!mkdtemp(dir))
		return 3;
	snprintf(path, sizeof(path), "%s/x.json", dir);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		if (lp_file_save(AT_FDCWD, path, cases[i].text, strlen(cases[i].text), &err))
			return 3;
		CHECK(lb_workload_load(&w, dir, "x", &err) == cases[i].want, "%s: %s",
		      cases[i].what, lp_code_name(cases[i].want));
		lb_workload_free(&w);
	}
	if (lp_file_save(AT_FDCWD, path, cases[0].text, strlen(cases[0].text), &err))
		return 3;
	if (CHECK(lb_workload_load(&w, dir, "x", &err) == LP_OK, "again")) {
		CHECK(lb_workload_task(&w, "") == &w.task[0], "the first task");
		CHECK(lb_workload_task(&w, "t") == &w.task[0], "by name");
		CHECK(!lb_workload_task(&w, "u"), "no such task");
	}
	lb_workload_free(&w);
	CHECK(lb_workload_load(&w, dir, "y", &err) == LP_EMISSING, "an image that was not made");
	CHECK(lb_workload_load(&w, dir, "../x", &err) == LP_EUSAGE, "no name");
	unlink(path);
	rmdir(dir);
	return test_done();
}
