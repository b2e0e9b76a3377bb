// SPDX-License-Identifier: MIT
/* script_fuzz - any bytes as a script: it is refused, or its rules make replies within limits. */
#include "run/traffic.h"

#include <stdlib.h>
#include <string.h>

#define RULES_MAX 4	/* of an input, that are carried out */

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	static char role[] = "blob";
	uint8_t bytes[100] = {1};
	struct gen_input input = {role, bytes, sizeof(bytes)};
	struct gen_vector v = {.input = &input, .ninput = 1};
	struct lc_request q = {"GET", "/x", "Range: bytes=10-19\r\n", &v};
	LP_AUTO(lc_script_free) struct lc_script s = {0};
	LP_AUTO(lc_traffic_free) struct lc_traffic t = {.n = 0};
	struct lp_err err;
	char why[200];
	size_t at;

	if (lc_script_parse(&s, data, n, &err))
		return 0;
	for (size_t i = 0; i < s.nrule && i < RULES_MAX; i++) {
		LP_AUTO(lc_reply_free) struct lc_reply r = {.rate = 0};
		struct lc_values values = {.authority = {"127.0.0.1:1", "127.0.0.2:2"}};

		(void)lc_rule_fits(&s, &s.rule[i], 0, q.method, q.target, q.head);
		if (!lc_reply_make(&s, &s.rule[i], &q, &values, &r, &err) &&
		    (r.bytes.len > LC_REPLY_MAX || r.head > r.bytes.len))
			abort();
	}
	if (lc_traffic_add(&t, 0, &q, &at, &err))
		return 0;
	lc_traffic_judge(&t, &s, why, sizeof(why));
	if (!memchr(why, 0, sizeof(why)))
		abort();
	return 0;
}
