// SPDX-License-Identifier: MIT
#include "measure/ledger.h"

#include "base/file.h"
#include "testing/test.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const char log_text[] =
	"{\"begin_ns\":5,\"kind\":\"manifest\",\"status\":401,\"body_bytes\":9,\"connection\":1,"
	"\"complete\":true}\n"
	"{\"begin_ns\":6,\"kind\":\"blob\",\"status\":206,\"body_bytes\":100,\"connection\":1,"
	"\"complete\":true}\n"
	"{\"begin_ns\":15,\"kind\":\"blob\",\"status\":206,\"body_bytes\":50,\"connection\":2,"
	"\"complete\":true}\n"
	"{\"begin_ns\":25,\"kind\":\"blob\",\"status\":500,\"body_bytes\":1,\"connection\":2,"
	"\"complete\":true}\n"
	"{\"begin_ns\":30,\"kind\":\"blob\",\"status\":200,\"body_bytes\":7,\"connection\":1,"
	"\"complete\":false}\n"
	"{\"begin_ns\":31,\"kind\":\"bl";

int main(void)
{
	char path[] = "/tmp/ledger_test.XXXXXX";
	LP_AUTO(lp_fd_close) int fd = mkstemp(path);
	const uint64_t ends[] = {10, 20, 30};
	uint64_t off = 0;
	struct lb_ledger l;
	struct lp_err err;

	if (fd < 0 || lp_file_write(fd, log_text, sizeof(log_text) - 1, &err))
		return 3;
	if (CHECK(lb_ledger_read(path, &off, ends, &l, &err) == LP_OK, "a log is read")) {
		CHECK(l.phase[LB_PULL].requests == 2 && l.phase[LB_PULL].body_bytes == 109, "pull");
		CHECK(l.phase[LB_CREATE].requests == 1 && l.phase[LB_CREATE].body_bytes == 50,
		      "create");
		CHECK(l.phase[LB_RUN].requests == 1, "run");
		CHECK(l.phase[LB_AFTER].requests == 1, "what begins as run ends is after it");
		CHECK(l.blob_bytes == 158, "bytes of blobs");
		CHECK(l.connections == 2 && l.failed == 1 && l.cut == 1, "what went wrong");
		CHECK(off == sizeof(log_text) - 1 - strlen("{\"begin_ns\":31,\"kind\":\"bl"),
		      "half a line is left for the next time");
	}
	CHECK(lb_ledger_read(path, &off, ends, &l, &err) == LP_OK && !l.phase[LB_PULL].requests,
	      "nothing new");
	if (lp_file_write(fd, "\n", 1, &err))
		return 3;
	CHECK(lb_ledger_read(path, &off, ends, &l, &err) == LP_EFORMAT, "a line that is no JSON");
	unlink(path);
	return test_done();
}
