// SPDX-License-Identifier: MIT
#include "run/matrix.h"

#include "base/file.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <string.h>
#include <sys/stat.h>

static size_t hostile(const struct lc_tally *t)
{
	size_t n = 0;

	for (unsigned c = 0; c < LC_NCLASS; c++)
		if (lc_class_hostile((enum lc_class)c))
			n += t->class[c];
	return n;
}

static const char *color(const struct lc_tally *t)
{
	if (t->unexpected || hostile(t))
		return "red";
	return t->must_passed == t->must && t->should_passed == t->should ? "brightgreen" : "yellow";
}

static enum lp_code badge(const struct lc_results *r, const char *format, const char *dir,
			  struct lp_err *err)
{
	struct lc_tally t = lc_tally_of(r, NULL, format);
	const json_t *suite = json_object_get(r->header, "suite");
	const char *adapter = lc_row_text(r->header, "adapter");
	LP_AUTO(lp_buf_free) struct lp_buf text = {0};
	LP_AUTO(lp_json_free) json_t *o = NULL;
	char path[PATH_MAX];

	if (!t.asked)
		return LP_OK;
	o = json_pack("{s:i, s:o, s:o, s:s}", "schemaVersion", 1, "label",
		      json_sprintf("lazyconf %s %s", format ? format : "all",
				   lc_row_text(suite, "version")),
		      "message",
		      json_sprintf("%zu/%zu MUST \xc2\xb7 %zu/%zu SHOULD \xc2\xb7 %zu xfail \xc2\xb7 "
				   "%zu crash", t.must_passed, t.must, t.should_passed, t.should,
				   t.class[LC_XFAIL], hostile(&t)),
		      "color", color(&t));
	if (!o)
		return lp_fail(err, LP_ESYSTEM, LP_NO_OFFSET, NULL, "badge of %s", adapter);
	snprintf(path, sizeof(path), "%s/%s%s%s.json", dir, adapter, format ? "-" : "",
		 format ? format : "");
	if (lp_json_print(o, &text, LC_RESULTS_MAX, err) ||
	    lp_buf_add(&text, "\n", 1, LC_RESULTS_MAX, err))
		return err->code;
	return lp_file_put(AT_FDCWD, path, text.p, text.len, err);
}

enum lp_code lc_badges(const struct lc_matrix *m, const char *dir, struct lp_err *err)
{
	json_t *format;
	size_t k;

	if (mkdir(dir, 0777) && errno != EEXIST)
		return lp_fail_errno(err, "mkdir %s", dir);
	for (size_t i = 0; i < m->n; i++) {
		const json_t *hello = json_object_get(m->run[i].header, "hello");

		if (strpbrk(lc_row_text(m->run[i].header, "adapter"), "/"))
			return lp_fail(err, LP_EFORMAT, LP_NO_OFFSET, NULL,
				       "an adapter's name has a slash");
		if (badge(&m->run[i], NULL, dir, err))
			return err->code;
		json_array_foreach(json_object_get(hello, "formats"), k, format)
			if (!strchr(json_string_value(format), '/') &&
			    badge(&m->run[i], json_string_value(format), dir, err))
				return err->code;
	}
	return LP_OK;
}
