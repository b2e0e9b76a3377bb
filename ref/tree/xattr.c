// SPDX-License-Identifier: MIT
#include "tree/xattr.h"

#include <string.h>

#define RULE_NAME "tar.xattr.name"
#define RULE_RESERVED "tar.xattr.reserved-overlay"
#define RULE_SIZE "tar.xattr.size"

/* What stands behind the name space in @name; NULL: of none that we keep. */
static const char *own_name(const char *name)
{
	static const char *const space[] = {"user.", "trusted.", "security."};

	if (!strcmp(name, "system.posix_acl_access") || !strcmp(name, "system.posix_acl_default"))
		return name;
	for (size_t i = 0; i < sizeof(space) / sizeof(space[0]); i++)
		if (!strncmp(name, space[i], strlen(space[i])))
			return name + strlen(space[i]);
	return NULL;
}

enum lp_code lp_xattr_take(const char *name, size_t bytes, uint64_t at, bool *keep,
			   struct lp_err *err)
{
	static const char overlay[] = "trusted.overlay.";
	const char *own = own_name(name);

	*keep = own != NULL;
	if (!own)
		return LP_OK;
	if (!*own || strlen(name) > LP_NAME_MAX)
		return lp_fail(err, LP_EFORMAT, at, RULE_NAME, "an xattr cannot be named %.60s",
			       name);
	if (!strncmp(name, overlay, sizeof(overlay) - 1))
		return lp_fail(err, LP_EFORMAT, at, RULE_RESERVED,
			       "the xattr %.60s is overlayfs's own", name);
	if (bytes > LP_XATTR_VALUE_MAX)
		return lp_fail(err, LP_ELIMIT, at, RULE_SIZE, "the xattr %.60s has %zu bytes",
			       name, bytes);
	return LP_OK;
}
