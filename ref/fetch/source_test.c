// SPDX-License-Identifier: MIT
#include "fetch/source.h"

#include "base/file.h"
#include "testing/test.h"

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

static const char text[] = "the stored bytes of one blob";
#define BYTES (sizeof(text) - 1)

/* What every kind promises. */
static void test_source(struct lp_source *s, const char *kind)
{
	struct lp_reader *r;
	struct lp_err err = {0};
	char p[100];
	size_t got;

	CHECK(!strcmp(s->ops->name, kind) && s->bytes == BYTES, "%s: name and length", kind);
	CHECK(!lp_source_read(s, 4, p, 6, &err) && !memcmp(p, "stored", 6), "%s: the middle", kind);
	CHECK(!lp_source_read(s, BYTES - 4, p, 4, &err) && !memcmp(p, "blob", 4), "%s: the end",
	      kind);
	CHECK(!lp_source_read(s, BYTES, p, 0, &err), "%s: nothing at the end", kind);
	CHECK(lp_source_read(s, BYTES, p, 1, &err) == LP_ESHORT && err.at == BYTES,
	      "%s: nothing behind the end", kind);
	CHECK(lp_source_read(s, UINT64_MAX, p, 2, &err) == LP_ESHORT, "%s: no wrap", kind);
	for (int i = 0; i < 2; i++) {
		if (lp_source_stream(s, &r, &err))
			break;
		CHECK(!lp_read_full(r, p, 3, &err) && !memcmp(p, "the", 3), "%s: a stream", kind);
		CHECK(!lp_read_full(r, p, BYTES - 3, &err) && !lp_read(r, p, 1, &got, &err) && !got,
		      "%s: ends where it should", kind);
	}
}

static int make_file(const void *p, size_t n)
{
	int fd = memfd_create("blob", MFD_CLOEXEC);

	return write(fd, p, n) == (ssize_t)n ? fd : -1;
}

int main(void)
{
	struct lp_source s = {0};
	struct lp_reader *r;
	struct lp_err err = {0};
	char p[100];
	int fd, pipes[2];

	lp_source_free(&s);
	if (!lp_source_mem(&s, text, BYTES, &err))
		test_source(&s, "mem");
	lp_source_free(&s);
	fd = make_file(text, BYTES);
	if (!lp_source_file(&s, fd, &err)) {
		test_source(&s, "file");
		CHECK(!ftruncate(fd, 5) && lp_source_read(&s, 0, p, 6, &err) == LP_ESHORT,
		      "a file that shrinks");
		if (!lp_source_stream(&s, &r, &err))
			CHECK(lp_read_full(r, p, BYTES, &err) == LP_ESHORT, "and its stream");
	}
	lp_source_free(&s);
	lp_source_free(&s);
	if (pipe(pipes))
		return 1;
	CHECK(lp_source_file(&s, pipes[0], &err) == LP_EUSAGE && !s.ops, "a pipe is no file");
	CHECK(close(pipes[0]) < 0, "and is consumed");
	close(pipes[1]);
	return test_done();
}
