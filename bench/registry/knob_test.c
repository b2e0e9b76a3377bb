// SPDX-License-Identifier: MIT
#include "registry/knob.h"

#include "testing/test.h"

#define HEX "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"

static const char *const good[] = {
	"token", "token=5", "token-uses=2", "basic=u:p", "redirect", "url-ttl=1", "fail-500=3",
	"fail-429=2", "fail-429=2:7", "short-body=1", "reset=9", "stall=2", "stall=2:50",
	"delay=20", "whole", "shifted-range", "head=403", "no-referrers", "multirange=ok",
	"multirange=400", "multirange=whole", "corrupt=sha256:" HEX ":17",
	"wrong-once",
};

static const char *const bad[] = {
	"", "=", "nothing", "tokens", "token=", "token=x", "token=0", "token-uses", "basic",
	"basic=", "redirect=1", "url-ttl", "fail-500", "fail-500=0", "fail-500=-1", "fail-500=2:3",
	"fail-429=", "fail-429=2:", "fail-429=:3", "stall=1:x", "multirange", "multirange=no",
	"corrupt", "corrupt=sha256:" HEX, "corrupt=sha256:00:1", "corrupt=sha256:" HEX ":x",
	"no-referrers=1", "delay=99999999999999999999999",
};

int main(void)
{
	struct lb_knobs k = {0};
	struct lp_err err;

	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++)
		CHECK(lb_knob_set(&k, good[i], &err) == LP_OK, "%s is taken", good[i]);
	CHECK(k.token_seconds == 5 && k.token_uses == 2, "token's numbers");
	CHECK(k.fail_429 == 2 && k.retry_seconds == 7, "fail-429's numbers");
	CHECK(k.stall == 2 && k.stall_ms == 50, "stall's numbers");
	CHECK(k.redirect && k.whole && k.shifted_range && k.no_referrers &&
	      k.wrong_once, "flags");
	CHECK(k.multirange == LB_MULTI_WHOLE && k.head_status == 403, "multirange and head");
	CHECK(k.ncorrupt == 1 && k.corrupt[0].off == 17, "corrupt");
	CHECK(lb_knob_waits(&k), "delay waits");
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		struct lb_knobs none = {0};

		CHECK(lb_knob_set(&none, bad[i], &err) == LP_EUSAGE, "\"%s\" is refused", bad[i]);
	}
	k = (struct lb_knobs){0};
	CHECK(!lb_knob_waits(&k), "nothing set, nothing waits");
	CHECK(lb_knob_set(&k, "fail-429=4", &err) == LP_OK && k.retry_seconds == 1, "a preset");
	for (size_t i = 0; i < LB_CORRUPT_MAX; i++)
		if (lb_knob_set(&k, "corrupt=sha256:" HEX ":1", &err))
			CHECK(false, "corrupt %zu is taken", i);
	CHECK(lb_knob_set(&k, "corrupt=sha256:" HEX ":1", &err) == LP_EUSAGE, "one too many");
	return test_done();
}
