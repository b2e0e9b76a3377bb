// SPDX-License-Identifier: MIT
/* What servers and config.json say: the first byte chooses the parser. */
#include "fetch/auth.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static void parse_text(unsigned which, const char *text)
{
	struct lp_content_range range;
	struct lp_challenge c = {0};
	struct lp_origin origin;
	char name[LP_URL_NAME];
	struct lp_err err;
	char *url = NULL;

	if (which == 0 && !lp_challenge_parse(text, &c, &err) &&
	    c.scheme == LP_AUTH_BEARER && !c.realm[0])
		abort();
	if (which == 1 && !lp_content_range_parse(text, &range, &err) &&
	    (range.first > range.last || range.last >= range.total))
		abort();
	if (which != 2)
		return;
	lp_url_name(text, name);
	if (!lp_url_join("https://registry.example:5000/v2/a/blobs/x", text, &url, &err) &&
	    lp_url_origin(url, &origin, &err))
		abort();
	free(url);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	struct lp_login login;
	struct lp_err err;
	uint64_t seconds;
	char *text, *header;

	if (!n)
		return 0;
	text = malloc(n);
	if (!text)
		return 0;
	memcpy(text, data + 1, n - 1);
	text[n - 1] = '\0';
	parse_text(data[0] % 5u, text);
	if (data[0] % 5 == 3 && !lp_login_parse(text, n - 1, "h:5", 0, &login, &err)) {
		if (login.user) {
			header = lp_login_basic(&login);
			if (header && strpbrk(header, "\r\n"))
				abort();
			free(header);
		}
		lp_login_free(&login);
	}
	if (data[0] % 5 == 4 && !lp_auth_token_parse(text, n - 1, &header, &seconds, &err)) {
		if (strpbrk(header, "\r\n") || seconds < 60)
			abort();
		free(header);
	}
	free(text);
	return 0;
}
