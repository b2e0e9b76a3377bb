// SPDX-License-Identifier: MIT
#include "mount/request.h"

#include "testing/test.h"

#include <fcntl.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define IMAGE "\"image\":\"sha256:" ZEROS ZEROS "\""
#define ZEROS "00000000000000000000000000000000"
#define REST "\"prefetch\":\"wait\",\"read_timeout_ns\":5"
#define NCASES (sizeof(cases) / sizeof(cases[0]))

/* A request with so many descriptors, and whether it is one. */
static const struct {
	const char *text;
	size_t nfd;
	bool good;
} cases[] = {
	{"{" IMAGE "," REST "}", 0, true},
	{"{" IMAGE "," REST ",\"at\":\"/x\",\"background\":true}", 0, true},
	{"{" IMAGE "," REST ",\"descriptors\":[\"trace\"]}", 1, true},
	{"{" IMAGE "," REST ",\"descriptors\":[\"events\",\"list\",\"trace\"]}", 3, true},
	{"{" IMAGE "," REST "}", 1, false},
	{"{" IMAGE "," REST ",\"descriptors\":[\"trace\"]}", 0, false},
	{"{" IMAGE "," REST ",\"descriptors\":[\"other\"]}", 1, false},
	{"{" IMAGE "," REST ",\"descriptors\":[5]}", 1, false},
	{"{" IMAGE "," REST ",\"descriptors\":{}}", 0, false},
	{"{" IMAGE ",\"prefetch\":\"some\",\"read_timeout_ns\":5}", 0, false},
	{"{" IMAGE ",\"prefetch\":7,\"read_timeout_ns\":5}", 0, false},
	{"{" IMAGE ",\"prefetch\":\"none\"}", 0, false},
	{"{" IMAGE ",\"prefetch\":\"none\",\"read_timeout_ns\":-5}", 0, false},
	{"{" IMAGE "," REST ",\"at\":[]}", 0, false},
	{"{\"image\":\"sha256:0\"," REST "}", 0, false},
	{"{" REST "}", 0, false},
	{"{}", 0, false},
	{"[]", 0, false},
};

static void requests(void)
{
	for (size_t i = 0; i < NCASES; i++) {
		LP_AUTO(lp_json_free) json_t *j = NULL;
		struct lp_packet fds = {.fd = {0, 1, 2}, .nfd = cases[i].nfd};
		struct lp_serve what = {0};
		struct lp_err err = {0};
		enum lp_code code = lp_json_parse(cases[i].text, strlen(cases[i].text),
						  "mount.control.message", &j, &err);

		if (!code)
			code = lp_serve_read(j, &fds, &what, &err);
		CHECK(!code == cases[i].good, "%s, %zu descriptors: %s", cases[i].text,
		      cases[i].nfd, err.msg);
	}
}

/* What is written is read. */
static void there_and_back(void)
{
	LP_AUTO(lp_json_free) json_t *j = json_object();
	struct lp_serve in = {.document = j, .at = "/m", .prefetch = LP_PREFETCH_ASYNC, .background = true,
			      .read_timeout_ns = 77, .list = 1, .trace = -1, .events = 2};
	struct lp_serve out = {0};
	struct lp_packet fds = {0};
	struct lp_err err = {0};

	lp_digest_of(LP_SHA256, "x", 1, &in.image);
	CHECK(!lp_serve_write(&in, &fds, &err) && fds.nfd == 2, "a request is written %s", err.msg);
	CHECK(!lp_serve_read(j, &fds, &out, &err) && lp_digest_equal(&in.image, &out.image) &&
		      !strcmp(out.at, "/m") && out.prefetch == LP_PREFETCH_ASYNC && out.background &&
		      out.read_timeout_ns == 77 && out.list == 1 && out.trace == -1 && out.events == 2,
	      "and read %s", err.msg);
}

static void failures(void)
{
	LP_AUTO(lp_json_free) json_t *j = NULL, *fine = json_object();
	struct lp_err in = {0}, out = {0};

	lp_fail(&in, LP_EDIGEST, 5, "mount.control.message", "wrong \xff bytes");
	memcpy(in.msg, "right", 6);
	j = lp_wire_failure(&in);
	CHECK(lp_wire_verdict(j, &out) == LP_EDIGEST && !strcmp(out.msg, "right") &&
		      out.rule && !strcmp(out.rule, "mount.control.message"),
	      "a failure keeps its code, words and rule");
	CHECK(!lp_wire_verdict(fine, &out), "and an answer is none");
}

static void packets(void)
{
	LP_AUTO(lp_packet_close) struct lp_packet got = {0};
	struct lp_packet p = {.fd = {0, 0, 0}, .nfd = 3};
	uint8_t room[64], big[65] = {0};
	struct lp_err err = {0};
	int pair[2];

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair))
		return;
	p.p = big;
	p.bytes = 64;
	got.p = room;
	CHECK(lp_wire_recv(pair[1], &got, sizeof(room), 1, &err) == LP_ESYSTEM, "nothing comes: %s",
	      err.msg);
	CHECK(!lp_wire_send(pair[0], &p, &err) && !lp_wire_recv(pair[1], &got, sizeof(room), -1, &err) &&
		      got.bytes == 64 && got.nfd == 3 && fcntl(got.fd[2], F_GETFD) == FD_CLOEXEC,
	      "a packet with descriptors");
	lp_packet_close(&got);
	p.bytes = 65;
	CHECK(!lp_wire_send(pair[0], &p, &err) &&
		      lp_wire_recv(pair[1], &got, sizeof(room), -1, &err) == LP_EFORMAT && !got.nfd,
	      "one that is too long: %s", err.msg);
	close(pair[0]);
	CHECK(!lp_wire_recv(pair[1], &got, sizeof(room), -1, &err) && !got.bytes, "the end");
	close(pair[1]);
}

int main(void)
{
	requests();
	there_and_back();
	failures();
	packets();
	return test_done();
}
