// SPDX-License-Identifier: MIT
#include "run/crew.h"

#include "base/thread.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define WORKERS_MAX 64		/* ours */

struct worker {
	struct lc_crew *crew;
	pthread_t thread;
	bool hello;		/* only that */
	char dir[PATH_MAX + 24];
	enum lp_code code;
	struct lp_err err;
};

static enum lp_code ask_one(struct lc_crew *c, struct lc_session *s, size_t i, struct lp_err *err)
{
	if (c->task)
		return c->task(c->arg, s, i, err);
	return lc_session_ask(s, &c->set->v[i], &c->seen[i], err);
}

static enum lp_code ask_all(struct lc_crew *c, struct lc_session *s, struct lp_err *err)
{
	while (!c->stop) {
		size_t i = c->next++;

		if (i >= c->n)
			return LP_OK;
		if (ask_one(c, s, c->order[i], err))
			return err->code;
	}
	return LP_OK;
}

static void *work(void *arg)
{
	struct worker *w = arg;
	struct lc_crew *c = w->crew;
	struct lc_session s = {
		.adapter = c->adapter, .recipes = c->recipes, .serve = c->serve,
		.wall_ns = c->wall_ns, .hello_rss_kib = c->hello_rss_kib,
	};

	w->code = lc_session_open(&s, w->dir, &w->err);
	if (!w->code)
		w->code = w->hello ? lc_session_hello(&s, &w->err) : ask_all(c, &s, &w->err);
	if (w->hello)
		c->hello_rss_kib = s.hello_rss_kib;
	if (w->code)
		c->stop = true;
	lc_session_close(&s);
	return NULL;
}

static enum lp_code start(struct lc_crew *c, struct worker *w, size_t i, struct lp_err *err)
{
	*w = (struct worker){.crew = c, .hello = !c->seen && !c->task};
	snprintf(w->dir, sizeof(w->dir), "%s/%zu", c->dir, i);
	if (mkdir(w->dir, 0755) && errno != EEXIST)
		return lp_fail_errno(err, "mkdir %s", w->dir);
	return lp_thread_start(&w->thread, work, w, err);
}

static enum lp_code run(struct lc_crew *c, size_t nworker, struct lp_err *err)
{
	struct worker *w = calloc(nworker, sizeof(*w));
	enum lp_code code = w ? LP_OK : lp_fail_errno(err, "workers");
	size_t n = 0;

	c->next = 0;
	while (!code && n < nworker) {
		code = start(c, &w[n], n, err);
		n += !code;
	}
	if (code)
		c->stop = true;
	for (size_t i = 0; i < n; i++) {
		pthread_join(w[i].thread, NULL);
		if (!code && w[i].code) {
			code = w[i].code;
			*err = w[i].err;
		}
	}
	free(w);
	return code;
}

enum lp_code lc_crew_hello(struct lc_crew *c, struct lp_err *err)
{
	const char *tmp = getenv("TMPDIR");

	/* Without root there is no tmpfs of ours: this one is thirty times as fast as a disk. */
	if (!tmp || !*tmp)
		tmp = access("/dev/shm", W_OK | X_OK) ? "/tmp" : "/dev/shm";
	snprintf(c->dir, sizeof(c->dir), "%s/lazyconf-XXXXXX", tmp);
	if (!mkdtemp(c->dir)) {
		lp_fail_errno(err, "mkdtemp %s", c->dir);
		*c->dir = '\0';
		return err->code;
	}
	if (chmod(c->dir, 0755))
		return lp_fail_errno(err, "chmod %s", c->dir);
	return run(c, 1, err);
}

enum lp_code lc_crew_ask(struct lc_crew *c, struct lp_err *err)
{
	size_t n = c->nworker < c->n ? c->nworker : c->n;

	return run(c, n > WORKERS_MAX ? WORKERS_MAX : n ? n : 1, err);
}

void lc_crew_free(struct lc_crew *c)
{
	struct lc_box all;
	struct lp_err err;

	if (!*c->dir)
		return;
	snprintf(all.dir, sizeof(all.dir), "%s", c->dir);
	if (lc_box_remove(&all, &err))
		fprintf(stderr, "lazyconf: %s\n", err.msg);
	*c->dir = '\0';
}

/* splitmix64: Steele, Lea and Flood, "Fast splittable pseudorandom number generators" (2014) */
static uint64_t next_random(uint64_t *state)
{
	uint64_t z = *state += 0x9e3779b97f4a7c15;

	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9;
	z = (z ^ z >> 27) * 0x94d049bb133111eb;
	return z ^ z >> 31;
}

void lc_crew_shuffle(size_t *order, size_t n, uint64_t seed)
{
	for (size_t i = n; i > 1; i--) {
		size_t j = next_random(&seed) % i, was = order[i - 1];

		order[i - 1] = order[j];
		order[j] = was;
	}
}
