// SPDX-License-Identifier: MIT
#include "gen/vector.h"

#include "gen/block.h"
#include "gen/field.h"
#include "gen/function.h"

#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define LOOPS 8		/* of a family: ours */

/* Roles that stand more than once get numbers: blob1, blob2. */
static int number_roles(struct gen_run *r, const struct gen_at *at, struct gen_vector *d)
{
	char **role = gen_arena_get(r->set->memory, d->ninput * sizeof(*role));
	char text[80];
	size_t nth, all;

	for (size_t i = 0; role && i < d->ninput; i++) {
		nth = 1, all = 0;
		for (size_t k = 0; k < d->ninput; k++)
			if (!strcmp(d->input[k].role, d->input[i].role)) {
				all++;
				nth += k < i;
			}
		(void)snprintf(text, sizeof(text), "%.60s%zu", d->input[i].role, nth);
		role[i] = all == 1 ? d->input[i].role :
				     gen_arena_copy(r->set->memory, text, strlen(text));
		if (!role[i])
			return gen_fail(r, at, "no memory");
	}
	for (size_t i = 0; role && i < d->ninput; i++)
		d->input[i].role = role[i];
	return role ? 0 : gen_fail(r, at, "no memory");
}

static bool hash(EVP_MD_CTX *md, const struct gen_vector *d, uint8_t sum[32])
{
	uint8_t length[8];
	bool ok = EVP_DigestInit_ex(md, EVP_sha256(), NULL);

	for (size_t i = 0; i < d->ninput; i++) {
		const struct gen_input *in = &d->input[i];

		gen_put_int(length, in->n, 8, false);
		ok = ok && EVP_DigestUpdate(md, in->role, strlen(in->role) + 1) &&
		     EVP_DigestUpdate(md, length, 8) && EVP_DigestUpdate(md, in->p, in->n);
	}
	return ok && EVP_DigestFinal_ex(md, sum, NULL);
}

/* The digest, and the bytes into the set's memory where they stay. */
static int seal(struct gen_run *r, const struct gen_at *at, struct gen_vector *d)
{
	EVP_MD_CTX *md = EVP_MD_CTX_new();
	uint8_t sum[32];
	bool ok = md && hash(md, d, sum);

	EVP_MD_CTX_free(md);
	if (!ok)
		return gen_fail(r, at, "no memory for a digest");
	for (int i = 0; i < 32; i++)
		(void)snprintf(d->sha256 + 2 * i, 3, "%02x", sum[i]);
	for (size_t i = 0; i < d->ninput; i++)
		d->size += d->input[i].n;
	if (d->size > GEN_MAX)
		return gen_fail(r, at, "inputs of more than %zu bytes", GEN_MAX);
	d->huge = d->size > GEN_HUGE;
	for (size_t i = 0; i < d->ninput; i++) {
		struct gen_input *in = &d->input[i];

		if (d->huge && !r->only)
			in->p = NULL;
		else
			in->p = (uint8_t *)gen_arena_copy(r->set->memory, in->p, in->n);
		if (!in->p && (!d->huge || r->only))
			return gen_fail(r, at, "no memory");
	}
	return 0;
}

static int check(struct gen_run *r, const struct gen_at *at, struct gen_vector *d)
{
	bool accept = d->verdict && !strcmp(d->verdict, "accept");
	const char *missing = !d->title ? "title" : !d->format ? "format" : !d->verdict ? "expect" :
			      !d->nclause ? "clause" : !d->ninput ? "input" : NULL;

	if (missing)
		return gen_fail(r, at, "%s has no %s", d->id, missing);
	if (!accept && (!d->base || !d->delta))
		return gen_fail(r, at, "%s: %s without base and delta", d->id, d->verdict);
	if (accept && !d->tree && !d->tree_of)
		return gen_fail(r, at, "%s: accept without tree", d->id);
	if (!strcmp(d->verdict, "reject") && (d->tree || d->tree_of))
		return gen_fail(r, at, "%s: reject with a tree", d->id);
	if (d->tree && !*d->tree)
		d->tree = NULL;
	if (!d->op)
		d->op = gen_arena_copy(r->set->memory, "verify", 6);
	if (!d->profile)
		d->profile = gen_arena_copy(r->set->memory, accept ? "reader" : "verify", 6);
	if (!d->op || !d->profile)
		return gen_fail(r, at, "no memory");
	if (!d->ncode) {
		d->code = d->clause;
		d->ncode = d->nclause;
	}
	return number_roles(r, at, d) || seal(r, at, d) ? -1 : 0;
}

static bool is_id(const char *id)
{
	return *id >= 'A' && *id <= 'Z' && strlen(id) <= 64 &&
	       strspn(id, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-") ==
		       strlen(id);
}

/* The { } at @at as the vector @id, which is the set's; @scope has the values of a family. */
static int make(struct gen_run *r, struct gen_at *at, char *id, struct gen_scope *family)
{
	struct gen_scope scope = {.outer = family};
	struct gen_vector draft = {.id = id, .line = gen_token(at)->line};
	struct gen_set *set = r->set;
	struct gen_at here = *at;
	int rc;

	if (!is_id(id))
		return gen_fail(r, at, "an id is capitals, small letters, digits and dashes: %s", id);
	r->draft = &draft;
	r->steps = 0;
	rc = gen_block(r, at, &scope);
	r->draft = NULL;
	if (rc)
		return -1;
	draft.file = gen_arena_copy(set->memory, at->src->file, strlen(at->src->file));
	if (!draft.file)
		return gen_fail(r, &here, "no memory");
	if (check(r, &here, &draft))
		return -1;
	set->v = gen_arena_grow(set->memory, set->v, set->n, sizeof(*set->v));
	if (!set->v)
		return gen_fail(r, &here, "no memory");
	set->v[set->n++] = draft;
	return 0;
}

static void go_behind(struct gen_at *at)
{
	at->i = gen_token(at)->match + 1;
}

int gen_vector_make(struct gen_run *r, struct gen_at *at)
{
	char *id = gen_word(r, at);
	int rc;

	if (!id)
		return -1;
	if (!gen_at_op(at, '{'))
		return gen_take_op(r, at, '{');
	if (r->only && strcmp(r->only, id)) {
		go_behind(at);
		return 0;
	}
	r->arena = &r->work;
	rc = make(r, at, id, NULL);
	r->arena = &r->keep;
	gen_arena_free(&r->work);
	return rc;
}

struct family {
	const char *id;
	struct gen_loop loop[LOOPS];
	size_t nloop;
	unsigned made;
};

/* The @i-th vector of the product; the last loop turns fastest. */
static int member(struct gen_run *r, const struct gen_at *body, struct family *f, uint64_t i)
{
	struct gen_scope scope = {0};
	struct gen_at at = *body;
	struct gen_value v;
	char id[100];
	char *copy;
	int rc = 0;

	(void)snprintf(id, sizeof(id), "%.64s-%u", f->id, ++f->made);
	if (r->only && strcmp(r->only, id))
		return 0;
	r->arena = &r->work;
	for (size_t k = f->nloop; !rc && k-- > 0; i /= f->loop[k].n) {
		v = gen_loop_value(&f->loop[k], i % f->loop[k].n);
		rc = gen_var_put(r, &at, &scope, f->loop[k].name, &v);
	}
	copy = gen_arena_copy(r->set->memory, id, strlen(id));
	if (!rc)
		rc = copy ? make(r, &at, copy, &scope) : gen_fail(r, &at, "no memory");
	r->arena = &r->keep;
	gen_arena_free(&r->work);
	return rc;
}

int gen_vector_family(struct gen_run *r, struct gen_at *at)
{
	struct family f = {.id = gen_word(r, at)};
	struct gen_at here = *at;
	uint64_t n = 1;

	if (!f.id)
		return -1;
	while (gen_at_word(at, "for")) {
		if (f.nloop == LOOPS)
			return gen_fail(r, at, "more than %d loops", LOOPS);
		at->i++;
		if (gen_loop_head(r, at, &f.loop[f.nloop]))
			return -1;
		if (f.loop[f.nloop].n > 1000 || n * f.loop[f.nloop].n > 1000)
			return gen_fail(r, &here, "a family of more than 1000");
		n *= f.loop[f.nloop++].n;
	}
	if (!f.nloop || !n)
		return gen_fail(r, &here, "a family without values");
	if (!gen_at_op(at, '{'))
		return gen_take_op(r, at, '{');
	for (uint64_t i = 0; i < n; i++)
		if (member(r, at, &f, i))
			return -1;
	go_behind(at);
	return 0;
}

static int by_id(const void *a, const void *b)
{
	const struct gen_vector *x = a, *y = b;

	return strcmp(x->id, y->id);
}

static const struct gen_vector *find(const struct gen_set *set, char *id)
{
	struct gen_vector key = {.id = id};

	return set->n ? bsearch(&key, set->v, set->n, sizeof(key), by_id) : NULL;
}

static int complain(const struct gen_vector *v, const char *what, const char *id, char *error,
		    size_t room)
{
	(void)snprintf(error, room, "%s:%u: %s: %s %s", v->file, v->line, v->id, what, id);
	return -1;
}

int gen_vector_check(struct gen_set *set, char *error, size_t room)
{
	const struct gen_vector *other;
	struct gen_vector *v;

	if (set->n)
		qsort(set->v, set->n, sizeof(*set->v), by_id);
	for (size_t i = 0; i < set->n; i++) {
		v = &set->v[i];
		if (i && !strcmp(v->id, v[-1].id))
			return complain(v, "the id stands also in", v[-1].file, error, room);
		other = v->base ? find(set, v->base) : v;
		if (!other || (other != v && strcmp(other->verdict, "accept") != 0))
			return complain(v, "base is no accepted vector:", v->base, error, room);
		other = v->tree_of ? find(set, v->tree_of) : v;
		if (!other || (other != v && (!other->tree || other->tree_of)))
			return complain(v, "tree of a vector without one:", v->tree_of, error, room);
		v->tree = other->tree;
	}
	return 0;
}
