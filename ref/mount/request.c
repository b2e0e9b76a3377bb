// SPDX-License-Identifier: MIT
#include "mount/request.h"

#include <string.h>

#define RULE "mount.control.message"
#define READ_TIMEOUT_NS 60000000000ull	/* design.md 10.7 */

static const char *const policies[] = {"none", "async", "wait"};
static const char *const kinds[] = {"list", "trace", "events"};

enum lp_code lp_serve_write(const struct lp_serve *what, struct lp_packet *fds, struct lp_err *err)
{
	const int fd[] = {what->list, what->trace, what->events};
	json_t *names = json_array();
	char image[LP_DIGEST_TEXT];
	int bad = 0;

	for (size_t i = 0; i < 3; i++) {
		if (fd[i] < 0)
			continue;
		bad |= json_array_append_new(names, json_string(kinds[i]));
		fds->fd[fds->nfd++] = fd[i];
	}
	lp_digest_text(&what->image, image);
	bad |= json_object_set_new(what->document, "op", json_string("mount"));
	bad |= json_object_set_new(what->document, "image", json_string(image));
	bad |= json_object_set_new(what->document, "at", json_string(what->at));
	bad |= json_object_set_new(what->document, "prefetch",
				   json_string(policies[what->prefetch]));
	bad |= json_object_set_new(what->document, "mount",
				   json_string(what->kernel ? "kernel" : "fuse"));
	bad |= json_object_set_new(what->document, "background", json_boolean(what->background));
	bad |= json_object_set_new(what->document, "read_timeout_ns",
				   json_integer((json_int_t)what->read_timeout_ns));
	bad |= json_object_set_new(what->document, "descriptors", names);
	if (bad)
		return lp_fail(err, LP_ESYSTEM, LP_NO_OFFSET, NULL, "the mount request");
	return LP_OK;
}

static enum lp_code read_fds(const json_t *j, const struct lp_packet *fds, struct lp_serve *out,
			     struct lp_err *err)
{
	int *const to[] = {&out->list, &out->trace, &out->events};
	json_t *names = NULL;

	if (lp_json_child(j, "descriptors", JSON_ARRAY, LP_JSON_OPTIONAL, RULE, &names, err))
		return err->code;
	if (json_array_size(names) != fds->nfd)
		return lp_fail(err, LP_EFORMAT, LP_NO_OFFSET, RULE, "%zu descriptors, %zu names",
			       fds->nfd, json_array_size(names));
	for (size_t i = 0; i < fds->nfd; i++) {
		const char *name = json_string_value(json_array_get(names, i));
		size_t kind = 0;

		while (kind < 3 && name && strcmp(name, kinds[kind]) != 0)
			kind++;
		if (!name || kind == 3)
			return lp_fail(err, LP_EFORMAT, LP_NO_OFFSET, RULE,
				       "an unknown descriptor");
		*to[kind] = fds->fd[i];
	}
	return LP_OK;
}

enum lp_code lp_serve_read(json_t *j, const struct lp_packet *fds, struct lp_serve *out,
			   struct lp_err *err)
{
	const char *at = NULL, *policy = NULL, *mount = NULL;

	*out = (struct lp_serve){.document = j, .list = -1, .trace = -1, .events = -1,
				 .at = "", .read_timeout_ns = READ_TIMEOUT_NS};
	if (lp_json_digest(j, "image", LP_JSON_REQUIRED, RULE, &out->image, err) ||
	    lp_json_string(j, "at", LP_JSON_OPTIONAL, RULE, &at, err) ||
	    lp_json_string(j, "prefetch", LP_JSON_REQUIRED, RULE, &policy, err) ||
	    lp_json_string(j, "mount", LP_JSON_OPTIONAL, RULE, &mount, err) ||
	    lp_json_u64(j, "read_timeout_ns", LP_JSON_REQUIRED, RULE, &out->read_timeout_ns,
			err) ||
	    read_fds(j, fds, out, err))
		return err->code;
	out->at = at ? at : "";
	out->kernel = mount && !strcmp(mount, "kernel");
	out->background = json_is_true(json_object_get(j, "background"));
	for (size_t i = 0; i < sizeof(policies) / sizeof(policies[0]); i++) {
		if (strcmp(policies[i], policy) != 0)
			continue;
		out->prefetch = (enum lp_policy)i;
		return LP_OK;
	}
	return lp_fail(err, LP_EFORMAT, LP_NO_OFFSET, RULE, "the prefetch policy \"%.40s\"", policy);
}
