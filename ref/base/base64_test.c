// SPDX-License-Identifier: MIT
#include "base/base64.h"

#include "testing/test.h"

#include <string.h>

/* RFC 4648, section 10, and bytes above 127. */
static const struct {
	const char *plain;
	const char *text;
} good[] = {
	{"", ""}, {"f", "Zg=="}, {"fo", "Zm8="}, {"foo", "Zm9v"}, {"foob", "Zm9vYg=="},
	{"fooba", "Zm9vYmE="}, {"foobar", "Zm9vYmFy"}, {"\xff\xfe\xfb", "//77"},
};

static const char *const bad[] = {
	"Z", "Zg", "Zg=", "Zh==", "Zm9=", "Z===", "====", "Zg==Zg==", "Zm9v\n", "Zm 9", "__77", "=g==",
};

int main(void)
{
	char text[32], plain[32];
	size_t n;

	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
		size_t bytes = strlen(good[i].plain), chars = strlen(good[i].text);

		lp_base64_encode(good[i].plain, bytes, text);
		CHECK(lp_base64_chars(bytes) == chars && !memcmp(text, good[i].text, chars),
		      "encodes to %s", good[i].text);
		CHECK(lp_base64_decode(good[i].text, chars, plain, &n) && n == bytes &&
			      !memcmp(plain, good[i].plain, n),
		      "decodes %s", good[i].text);
		CHECK(lp_base64_decode(text, chars, text, &n) && n == bytes &&
			      !memcmp(text, good[i].plain, n),
		      "decodes %s in place", good[i].text);
	}
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		CHECK(!lp_base64_decode(bad[i], strlen(bad[i]), plain, &n), "refuses %s", bad[i]);
	return test_done();
}
