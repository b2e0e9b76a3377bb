// SPDX-License-Identifier: MIT
#include "run/suite.h"

#include "base/file.h"
#include "base/version.h"

#include <fcntl.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define VERSION_MAX 128	/* bytes of the file: a version, a commit */

extern char **environ;

void lc_suite_program_dir(char out[static PATH_MAX])
{
	ssize_t n = readlink("/proc/self/exe", out, PATH_MAX - 1);
	char *slash;

	out[n > 0 ? n : 0] = '\0';
	slash = strrchr(out, '/');
	if (slash)
		*slash = '\0';
}

static bool has_recipes(struct lc_suite *s, const char *dir)
{
	if ((size_t)snprintf(s->dir, sizeof(s->dir), "%s", dir) >= sizeof(s->dir))
		return false;
	snprintf(s->recipes, sizeof(s->recipes), "%s/recipes", s->dir);
	return !access(s->recipes, R_OK | X_OK);
}

static enum lp_code find_dir(struct lc_suite *s, const char *dir, struct lp_err *err)
{
	char program[PATH_MAX], beside[PATH_MAX + 32];

	if (dir && !has_recipes(s, dir))
		return lp_fail(err, LP_EMISSING, LP_NO_OFFSET, NULL, "%s has no recipes/", dir);
	if (dir || has_recipes(s, "conformance") || has_recipes(s, "."))
		return LP_OK;
	lc_suite_program_dir(program);
	snprintf(beside, sizeof(beside), "%s/../conformance", program);
	if (has_recipes(s, beside) || has_recipes(s, program))
		return LP_OK;
	return lp_fail(err, LP_EMISSING, LP_NO_OFFSET, NULL,
		       "no conformance/recipes here, nor beside the program: use --suite=DIR");
}

enum lp_code lc_suite_load(struct lc_suite *s, const char *dir, struct lp_err *err)
{
	char path[PATH_MAX + 16], text[250];

	*s = (struct lc_suite){0};
	if (find_dir(s, dir, err))
		return err->code;
	if (gen_load(&s->set, s->recipes, text, sizeof(text)))
		return lp_fail(err, LP_EFORMAT, LP_NO_OFFSET, NULL, "%s", text);
	snprintf(path, sizeof(path), "%s/clauses", s->dir);
	if (lc_clauses_load(&s->clauses, path, err)) {
		gen_free(&s->set);
		return err->code;
	}
	return LP_OK;
}

void lc_suite_free(struct lc_suite *s)
{
	gen_free(&s->set);
	lc_clauses_free(&s->clauses);
}

static int by_id(const void *key, const void *v)
{
	return strcmp(key, ((const struct gen_vector *)v)->id);
}

const struct gen_vector *lc_suite_find(const struct lc_suite *s, const char *id)
{
	return s->set.n ? bsearch(id, s->set.v, s->set.n, sizeof(*s->set.v), by_id) : NULL;
}

const char *lc_suite_level(const struct lc_suite *s, const struct gen_vector *v)
{
	const char *level = v->nclause ? "MAY" : "MUST";

	for (size_t i = 0; i < v->nclause; i++) {
		const struct lc_clause *c = lc_clause_find(&s->clauses, v->clause[i]);

		if (!c || lc_clause_must(c))
			return "MUST";
		if (lc_clause_should(c))
			level = "SHOULD";
	}
	return level;
}

/* What git prints of the suite's commit, or "". */
static void commit_of(const char *dir, char out[static 64])
{
	char git[] = "git", c[] = "-C", what[] = "rev-parse", how[] = "--short=12", head[] = "HEAD";
	char *where = strdup(dir);
	char *argv[] = {git, c, where, what, how, head, NULL};
	posix_spawn_file_actions_t actions;
	int fd[2] = {-1, -1}, status;
	ssize_t n = 0;
	pid_t pid;

	*out = '\0';
	if (!where || pipe2(fd, O_CLOEXEC)) {
		free(where);
		return;
	}
	posix_spawn_file_actions_init(&actions);
	posix_spawn_file_actions_adddup2(&actions, fd[1], 1);
	posix_spawn_file_actions_addopen(&actions, 2, "/dev/null", O_WRONLY, 0);
	status = posix_spawnp(&pid, git, &actions, NULL, argv, environ);
	lp_fd_close(&fd[1]);
	if (!status) {
		n = read(fd[0], out, 63);
		waitpid(pid, &status, 0);
	}
	out[n > 0 && !status ? n : 0] = '\0';
	out[strcspn(out, "\n")] = '\0';
	posix_spawn_file_actions_destroy(&actions);
	lp_fd_close(&fd[0]);
	free(where);
}

json_t *lc_suite_version(const struct lc_suite *s)
{
	LP_AUTO(lp_buf_free) struct lp_buf text = {0};
	char path[PATH_MAX + 16], said[VERSION_MAX + 1], commit[64] = "", version[64] = LP_VERSION;
	struct lp_err err;

	snprintf(path, sizeof(path), "%s/VERSION", s->dir);
	if (lp_file_load(AT_FDCWD, path, VERSION_MAX, &text, &err)) {
		commit_of(s->dir, commit);
	} else { /* an archive's: the repository that it lies in now says nothing of it */
		snprintf(said, sizeof(said), "%.*s", (int)text.len, (const char *)text.p);
		(void)sscanf(said, "%40s %12s", version, commit);
	}
	return json_pack("{s:s, s:s, s:I}", "version", version, "commit",
			 *commit ? commit : "unknown", "vectors", (json_int_t)s->set.n);
}

int lc_suite_failed(const struct lp_usage *u, const struct lp_err *err)
{
	(void)lp_command_end(u, err->code, err, false);
	return err->code == LP_ESYSTEM ? 3 : 2;
}
