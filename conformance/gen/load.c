// SPDX-License-Identifier: MIT
#include "gen/load.h"

#include "gen/expr.h"
#include "gen/statement.h"
#include "gen/vector.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PATH 4096
#define TEXT_MAX ((size_t)4 << 20)	/* bytes of a recipe: ours */
#define LEVELS 8			/* of folders: ours */
#define WORK ((size_t)512 << 20)	/* bytes of memory for a vector: ours */

/* Statements up to the end of @s. */
static int run_file(struct gen_run *r, struct gen_source *s)
{
	struct gen_at at = {.src = s};

	if (gen_lex(r, s))
		return -1;
	for (; s->tok[at.i].kind != GEN_EOF;) {
		if (s->tok[at.i].kind == GEN_LINE) {
			at.i++;
			continue;
		}
		r->steps = 0;
		if (gen_statement(r, &at))
			return -1;
		if (gen_at_op(&at, '}'))
			return gen_fail(r, &at, "a } too many");
	}
	return 0;
}

/* All of @f in @r's memory; NULL: more than TEXT_MAX, or no memory. */
static const char *slurp(struct gen_run *r, FILE *f, size_t *n)
{
	const size_t piece = 16384;
	struct gen_out text = {0};
	size_t got;
	uint8_t *p;

	do {
		p = text.n < TEXT_MAX ? gen_out_room(&r->keep, &text, piece + 1) : NULL;
		if (!p)
			return NULL;
		got = fread(p, 1, piece, f);
		text.n -= piece + 1 - got;
	} while (got == piece);
	text.p[text.n] = '\0';
	*n = text.n;
	return (const char *)text.p;
}

/* The text of @s, which is below the directory; or what was wrong. */
static const char *read_file(struct gen_run *r, struct gen_source *s)
{
	char path[PATH];
	bool failed;
	FILE *f;

	(void)snprintf(path, sizeof(path), "%s/%s", r->directory, s->file);
	f = fopen(path, "rbe");
	if (!f)
		return "cannot be opened";
	s->text = slurp(r, f, &s->n);
	failed = ferror(f);
	fclose(f);
	return failed ? "cannot be read" : s->text ? NULL : "is above 4 MiB, or no memory";
}

int gen_include(struct gen_run *r, struct gen_at *at)
{
	struct gen_at here = *at;
	struct gen_source *s;
	struct gen_value v;
	const char *why;

	if (gen_expr_bytes(r, at, &v))
		return -1;
	if (!r->directory || !v.n || v.p[0] == '/' || memmem(v.p, v.n, "..", 2) || memchr(v.p, 0, v.n))
		return gen_fail(r, &here, "include takes the name of a file below recipes/");
	s = gen_get(r, &here, sizeof(*s));
	if (!s || !(s->file = gen_arena_copy(&r->keep, v.p, v.n)))
		return gen_fail(r, &here, "no memory");
	for (size_t i = 0; i < r->nsource; i++)
		if (!strcmp(r->source[i]->file, s->file))
			return 0;
	r->source = gen_arena_grow(&r->keep, r->source, r->nsource, sizeof(struct gen_source *));
	if (!r->source)
		return gen_fail(r, &here, "no memory");
	r->source[r->nsource++] = s;
	why = read_file(r, s);
	if (why)
		return gen_fail(r, &here, "%s %s", s->file, why);
	if (++r->depth > GEN_DEPTH)
		return gen_fail(r, &here, "too deep");
	if (run_file(r, s))
		return -1;
	r->depth--;
	return 0;
}

static int set_begin(struct gen_set *set, char *error, size_t room)
{
	*set = (struct gen_set){0};
	set->memory = calloc(1, sizeof(*set->memory));
	if (!set->memory) {
		(void)snprintf(error, room, "no memory");
		return -1;
	}
	set->memory->max = SIZE_MAX / 4;
	return 0;
}

void gen_free(struct gen_set *set)
{
	if (set->memory)
		gen_arena_free(set->memory);
	free(set->memory);
	*set = (struct gen_set){0};
}

static void run_begin(struct gen_run *r, struct gen_set *set, char *error, size_t room)
{
	*r = (struct gen_run){.error = error, .room = room, .set = set};
	r->keep.max = r->work.max = WORK;
	r->arena = &r->keep;
}

static void run_end(struct gen_run *r)
{
	gen_arena_free(&r->keep);
	gen_arena_free(&r->work);
}

int gen_load_text(struct gen_set *set, const char *name, const char *text, size_t n, char *error,
		  size_t room)
{
	struct gen_source s = {.file = name, .n = n};
	struct gen_run *r;
	int rc;

	if (set_begin(set, error, room))
		return -1;
	r = malloc(sizeof(*r));
	if (!r) {
		(void)snprintf(error, room, "no memory");
		gen_free(set);
		return -1;
	}
	run_begin(r, set, error, room);
	s.text = gen_arena_copy(&r->keep, text, n);
	rc = s.text ? run_file(r, &s) : gen_fail_line(r, name, 0, "no memory");
	run_end(r);
	free(r);
	if (!rc)
		rc = gen_vector_check(set, error, room);
	if (rc)
		gen_free(set);
	return rc;
}

/* All vectors of the recipe @file, or only @only, added to @set. */
static int load_file(struct gen_set *set, const char *directory, const char *file, const char *only,
		     char *error, size_t room)
{
	struct gen_source s = {.file = file};
	struct gen_run *r = malloc(sizeof(*r));
	const char *why;
	int rc;

	if (!r) {
		(void)snprintf(error, room, "no memory");
		return -1;
	}
	run_begin(r, set, error, room);
	r->directory = directory;
	r->only = only;
	why = read_file(r, &s);
	rc = why ? gen_fail_line(r, file, 0, "%s", why) : run_file(r, &s);
	run_end(r);
	free(r);
	return rc;
}

struct files {
	struct gen_arena memory;
	char **name;		/* below the directory */
	size_t n;
};

/* The recipes of @below and its folders, "" being the directory itself. */
static int collect(struct files *f, const char *directory, const char *below, int levels)
{
	char path[PATH], name[PATH];
	struct dirent *e;
	size_t n;
	int rc = 0;
	DIR *d;

	(void)snprintf(path, sizeof(path), "%s/%s", directory, below);
	d = opendir(path);
	if (!d)
		return -1;
	while (!rc && (e = readdir(d))) {
		(void)snprintf(name, sizeof(name), "%s%s%s", below, *below ? "/" : "", e->d_name);
		n = strlen(name);
		if (e->d_name[0] == '.' || !strcmp(name, "lib"))
			continue;
		if (e->d_type == DT_DIR && levels) {
			rc = collect(f, directory, name, levels - 1);
		} else if (e->d_type == DT_REG && n > 4 && !strcmp(name + n - 4, ".rcp")) {
			f->name = gen_arena_grow(&f->memory, f->name, f->n, sizeof(*f->name));
			rc = f->name && (f->name[f->n++] = gen_arena_copy(&f->memory, name, n)) ? 0 : -1;
		}
	}
	closedir(d);
	return rc;
}

static int by_name(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

int gen_load(struct gen_set *set, const char *directory, char *error, size_t room)
{
	struct files f = {.memory = {.max = SIZE_MAX / 4}};
	int rc = set_begin(set, error, room);

	if (rc)
		return rc;
	rc = collect(&f, directory, "", LEVELS);
	if (rc)
		(void)snprintf(error, room, "%s: cannot be read", directory);
	else if (f.n)
		qsort(f.name, f.n, sizeof(*f.name), by_name);
	for (size_t i = 0; !rc && i < f.n; i++)
		rc = load_file(set, directory, f.name[i], NULL, error, room);
	gen_arena_free(&f.memory);
	if (!rc)
		rc = gen_vector_check(set, error, room);
	if (rc)
		gen_free(set);
	return rc;
}

int gen_bytes(struct gen_set *one, const struct gen_vector *v, const char *directory, char *error,
	      size_t room)
{
	int rc = set_begin(one, error, room);

	if (rc)
		return rc;
	rc = load_file(one, directory, v->file, v->id, error, room);
	if (!rc && (one->n != 1 || strcmp(one->v[0].sha256, v->sha256) != 0)) {
		(void)snprintf(error, room, "%s:%u: %s is another one now", v->file, v->line, v->id);
		rc = -1;
	}
	if (rc)
		gen_free(one);
	return rc;
}
