// SPDX-License-Identifier: MIT
/* wait - an exchange that a thread waits for. */
#include "fetch/engine.h"

struct waiter {
	struct lp_buf *out;
	bool over;
	enum lp_code code;
	struct lp_err *err;
};

static size_t append(struct lp_exchange *x, const uint8_t *p, size_t n)
{
	struct waiter *w = x->owner;

	if (lp_buf_add(w->out, p, n, (size_t)x->bytes, &x->answer.fail)) {
		x->answer.again = false;
		x->answer.stop = true;
	}
	return n;
}

static void empty(struct lp_exchange *x)
{
	((struct waiter *)x->owner)->out->len = 0;
}

static void wake(struct lp_exchange *x, enum lp_code code, const struct lp_err *err)
{
	struct waiter *w = x->owner;
	struct lp_registry *r = x->r;

	if (code)
		*w->err = *err;
	w->code = code;
	pthread_mutex_lock(&r->lock);
	w->over = true;
	pthread_cond_broadcast(&r->over);
	pthread_mutex_unlock(&r->lock);
}

enum lp_code lp_exchange_wait(struct lp_registry *r, struct lp_exchange *x, struct lp_buf *out,
			      struct lp_err *err)
{
	static const struct lp_exchange_ops ops = {append, empty, wake};
	struct waiter w = {.out = out, .err = err};

	x->ops = &ops;
	x->owner = &w;
	lp_engine_begin(r, x);
	pthread_mutex_lock(&r->lock);
	while (!w.over)
		pthread_cond_wait(&r->over, &r->lock);
	pthread_mutex_unlock(&r->lock);
	return w.code;
}
