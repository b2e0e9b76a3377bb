// SPDX-License-Identifier: MIT
#include "run/subject.h"

#include "base/pool.h"

#include <stdio.h>
#include <stdlib.h>

/* Where other people's programs are, unless told otherwise. */
static void peers_dir(char out[static PATH_MAX])
{
	const char *cache = getenv("XDG_CACHE_HOME"), *home = getenv("HOME");

	snprintf(out, PATH_MAX, "%s%s/lazypull/peers/bin", cache ? cache : home ? home : "",
		 cache ? "" : "/.cache");
}

enum lp_code lc_subject_open(struct lc_subject *s, const struct lc_about *a, struct lp_err *err)
{
	char program[PATH_MAX], peers[PATH_MAX];
	struct lc_where where;

	lc_suite_program_dir(program);
	peers_dir(peers);
	if (lc_suite_load(&s->suite, a->suite, err))
		return err->code;
	where = (struct lc_where){s->suite.dir, a->build ? a->build : program,
				  a->peers ? a->peers : peers};
	return lc_adapter_load(&s->adapter, a->adapter, &where, err);
}

enum lp_code lc_subject_hello(struct lc_subject *s, const struct lc_about *a, bool serve,
			      struct lp_err *err)
{
	s->crew = (struct lc_crew){
		.adapter = &s->adapter, .set = &s->suite.set, .recipes = s->suite.recipes,
		.serve = serve, .wall_ns = a->wall_ns,
		.nworker = a->jobs ? a->jobs : lp_processors(),
	};
	return lc_crew_hello(&s->crew, err) ? lp_within(err, "adapter %s", s->adapter.name) : LP_OK;
}

void lc_subject_free(struct lc_subject *s)
{
	lc_crew_free(&s->crew);
	lc_adapter_free(&s->adapter);
	lc_suite_free(&s->suite);
}
