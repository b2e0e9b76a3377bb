/* SPDX-License-Identifier: MIT */
/*
 * common - options that every command on images has.
 *
 * A command's struct has a member `struct lp_common common;` and its table begins with
 * LP_COMMON_OPTIONS(struct args).
 */
#ifndef LP_COMMON_H
#define LP_COMMON_H

#include "base/command.h"
#include "base/log.h"
#include "image/image.h"
#include "layer/store.h"

struct lp_common {
	const char *store, *platform, *creds, *ca_file, *mirror;
	uint64_t limit_rate, max_connections;
	unsigned prefer;
	bool plain_http, allow_unverified, json;
};

#define LP_COMMON_OPTIONS(type)                                                                \
	{"store", 0, LP_OPT_TEXT, offsetof(type, common.store), "DIR",                         \
	 "where images are kept (/var/lib/lazypull)"},                                         \
	{"platform", 0, LP_OPT_TEXT, offsetof(type, common.platform), "OS/ARCH[/VARIANT]",     \
	 "which manifest of an index"},                                                        \
	{"prefer", 0, LP_OPT_CHOICE, offsetof(type, common.prefer), LP_KIND_WORDS,             \
	 "where there are both; nydus also looks at referrers (oci)"},                         \
	{"creds", 0, LP_OPT_TEXT, offsetof(type, common.creds), "USER:PASSWORD",               \
	 "instead of ~/.docker/config.json"},                                                  \
	{"ca-file", 0, LP_OPT_TEXT, offsetof(type, common.ca_file), "FILE",                    \
	 "certificates to trust"},                                                             \
	{"mirror", 0, LP_OPT_TEXT, offsetof(type, common.mirror), "URL",                       \
	 "a registry mirror that is asked first"},                                             \
	{"limit-rate", 0, LP_OPT_BYTES, offsetof(type, common.limit_rate), "BYTES",            \
	 "a second at most, but for what somebody waits to read"},                             \
	{"max-connections", 0, LP_OPT_COUNT, offsetof(type, common.max_connections), "N",      \
	 "to the registry for data, one of them for what is waited for (4)"},                  \
	{"plain-http", 0, LP_OPT_FLAG, offsetof(type, common.plain_http), NULL,                \
	 "HTTP without TLS, also beyond loopback"},                                            \
	{"allow-unverified", 0, LP_OPT_FLAG, offsetof(type, common.allow_unverified), NULL,    \
	 "take eStargz layers whose manifest does not vouch for the TOC"},                     \
	{"json", 0, LP_OPT_FLAG, offsetof(type, common.json), NULL, "data and errors as JSON"}

/*
 * What @c says about registries and platforms.
 *
 * @creds  256 bytes that the user and the password are cut out of; must outlive @out
 *
 * LP_EUSAGE
 */
LP_MUST_CHECK enum lp_code lp_common_image(const struct lp_common *c, char creds[static 256],
					   struct lp_image_options *out, struct lp_err *err);

/* The image that @text names, opened.  lp_image_free() in any case. */
LP_MUST_CHECK enum lp_code lp_common_open(const struct lp_common *c, const char *text,
					  struct lp_image *out, struct lp_err *err);

#endif
