// SPDX-License-Identifier: MIT
#include "run/pins.h"

#include "base/file.h"

#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define LIST_MAX ((size_t)16 << 20)	/* bytes of a list: ours */
#define LINE 160			/* id 64, size 20, digest 64 */

enum lp_code lc_pins_write(const struct gen_set *set, const char *path, struct lp_err *err)
{
	LP_AUTO(lp_buf_free) struct lp_buf text = {0};
	char line[LINE];
	int n;

	for (size_t i = 0; i < set->n; i++) {
		n = snprintf(line, sizeof(line), "%s %" PRIu64 " %s\n", set->v[i].id, set->v[i].size,
			     set->v[i].sha256);
		if (lp_buf_add(&text, line, (size_t)n, LIST_MAX, err))
			return err->code;
	}
	return lp_file_save(AT_FDCWD, path, text.p, text.len, err);
}

/* Print how @v and @rest, its line's behind the id or NULL, differ; returns 1 if they do. */
static size_t compare(const struct gen_vector *v, const char *rest)
{
	char want[LINE];

	(void)snprintf(want, sizeof(want), "%" PRIu64 " %s", v->size, v->sha256);
	if (rest && !strcmp(want, rest))
		return 0;
	if (rest)
		printf("%s: is %s, the list has %s\n", v->id, want, rest);
	else
		printf("%s: not in the list\n", v->id);
	return 1;
}

enum lp_code lc_pins_check(const struct gen_set *set, const char *path, bool all,
			   size_t *different, struct lp_err *err)
{
	LP_AUTO(lp_buf_free) struct lp_buf text = {0};
	const char *before = "";
	char *line, *rest, *state = NULL;
	size_t i = 0;

	*different = 0;
	if (lp_file_load(AT_FDCWD, path, LIST_MAX, &text, err) ||
	    lp_buf_add(&text, "", 1, LIST_MAX + 1, err))
		return err->code;
	for (line = strtok_r((char *)text.p, "\n", &state); line; line = strtok_r(NULL, "\n", &state)) {
		rest = strchr(line, ' ');
		if (rest)
			*rest++ = '\0';
		if (!rest || strcmp(before, line) >= 0)
			return lp_fail(err, LP_EUSAGE, LP_NO_OFFSET, NULL,
				       "%s is no sorted list at \"%.80s\"", path, line);
		before = line;
		for (; i < set->n && strcmp(set->v[i].id, line) < 0; i++)
			*different += compare(&set->v[i], NULL);
		if (i < set->n && !strcmp(set->v[i].id, line))
			*different += compare(&set->v[i++], rest);
		else if (all && ++*different)
			printf("%s: in the list, but in no recipe\n", line);
	}
	for (; i < set->n; i++)
		*different += compare(&set->v[i], NULL);
	return LP_OK;
}
