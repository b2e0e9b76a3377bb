// SPDX-License-Identifier: MIT
#include "run/sweep.h"

#include "run/slots.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Changes that wait for a batch to be full. */
struct batch {
	struct lc_slots slots;
	struct lc_swept *out;
	char tree[65];		/* of the vector as it is */
	struct lc_change change[LC_SLOTS];
	size_t n;
};

static void free_batch(struct batch *b)
{
	lc_slots_free(&b->slots);
}

uint64_t lc_sweep_limit(uint64_t n, uint64_t all)
{
	if (!n || n >= all)
		return UINT64_MAX;
	return UINT64_MAX / all * n;
}

uint64_t lc_sweep_count(const struct gen_vector *v, unsigned what)
{
	uint64_t n = 0;

	for (size_t i = 0; i < v->ninput; i++)
		n += v->input[i].n;
	return n * (what & LC_SWEEP_BITS ? 8 : 0) + n * (what & LC_SWEEP_CUTS ? 1 : 0);
}

/* splitmix64, as in crew.c, of two numbers. */
static uint64_t mix(uint64_t seed, uint64_t i)
{
	uint64_t z = (seed + 1) * 0x9e3779b97f4a7c15 + i * 0xd1342543de82ef95;

	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9;
	z = (z ^ z >> 27) * 0x94d049bb133111eb;
	return z ^ z >> 31;
}

static enum lp_code make_out(const struct gen_vector *v, struct lc_swept *out, struct lp_err *err)
{
	out->input = calloc(v->ninput + 1, sizeof(*out->input));
	if (!out->input)
		return lp_fail_errno(err, "%zu inputs", v->ninput);
	out->ninput = v->ninput;
	for (size_t i = 0; i < v->ninput; i++) {
		size_t n = v->input[i].n;
		uint8_t *p = calloc(4 * n + 1, 1);

		if (!p)
			return lp_fail_errno(err, "%zu bytes", 4 * n);
		out->input[i] = (struct lc_swept_input){n, p, p + n, p + 2 * n, p + 3 * n};
	}
	return LP_OK;
}

void lc_swept_free(struct lc_swept *s)
{
	for (size_t i = 0; i < s->ninput; i++)
		free(s->input[i].asked);
	free(s->input);
	*s = (struct lc_swept){0};
}

static void find(struct batch *b, const struct lc_change *c, const char *class, const char *why)
{
	struct lc_swept *out = b->out;

	if (out->findings++ >= LC_SWEEP_WORST)
		return;
	snprintf(out->worst[out->findings - 1], sizeof(out->worst[0]),
		 "%s, %s %s %" PRIu64 ": %s: %.100s", b->slots.v->id,
		 b->slots.v->input[c->input].role, c->cut ? "cut to" : "bit", c->at, class, why);
}

static void note(struct batch *b, const struct lc_change *c, const struct lc_seen *seen)
{
	struct lc_swept_input *in = &b->out->input[c->input];
	bool same = !strcmp(seen->answer.tree, b->tree);
	uint64_t byte = c->cut ? c->at : c->at / 8;

	b->out->asked++;
	if (!c->cut)
		in->asked[byte] |= (uint8_t)(1u << c->at % 8);
	if (seen->trouble) {
		find(b, c, lc_class_name(seen->trouble), seen->why);
	} else if (seen->answer.outcome == LC_REJECT) {
		b->out->refused++;
		if (seen->answer.released)
			find(b, c, lc_class_name(LC_LEAK), "bytes were given out before it refused");
	} else if (seen->answer.outcome != LC_ACCEPT) {
		find(b, c, lc_outcome_name(seen->answer.outcome), seen->answer.detail);
	} else {
		*(same ? &b->out->same : &b->out->other) += 1;
		if (c->cut)
			in->cut[byte] = same ? LC_CUT_SAME : LC_CUT_OTHER;
		else
			(same ? in->same : in->other)[byte] |= (uint8_t)(1u << c->at % 8);
	}
}

static enum lp_code flush(struct batch *b, struct lp_err *err)
{
	struct lc_seen seen[LC_SLOTS];

	if (lc_slots_ask(&b->slots, b->change, b->n, seen, err))
		return err->code;
	for (size_t i = 0; i < b->n; i++)
		note(b, &b->change[i], &seen[i]);
	b->n = 0;
	return LP_OK;
}

/* Bits of input @i (@cut: its lengths), those that the plan chooses. */
static enum lp_code sweep_input(struct batch *b, size_t i, bool cut, uint64_t salt,
				const struct lc_sweep_plan *p, struct lp_err *err)
{
	uint64_t n = b->slots.v->input[i].n * (cut ? 1 : 8);

	for (uint64_t at = 0; at < n; at++) {
		if (mix(p->seed ^ salt, at) > p->limit)
			continue;
		b->change[b->n++] = (struct lc_change){i, cut, at};
		if (b->n == b->slots.n && flush(b, err))
			return err->code;
	}
	return LP_OK;
}

/* The vector as it is: the tree that all others are compared with. */
static enum lp_code ask_base(struct batch *b, struct lp_err *err)
{
	struct lc_seen seen;

	if (lc_slots_ask(&b->slots, NULL, 1, &seen, err))
		return err->code;
	b->out->accepted = !seen.trouble && seen.answer.outcome == LC_ACCEPT;
	b->out->told = *seen.answer.tree;
	snprintf(b->tree, sizeof(b->tree), "%s", seen.answer.tree);
	return LP_OK;
}

enum lp_code lc_sweep(struct lc_session *s, const struct gen_vector *v, size_t nth,
		      const struct lc_sweep_plan *p, struct lc_swept *out, struct lp_err *err)
{
	LP_AUTO(free_batch) struct batch b = {.out = out};

	*out = (struct lc_swept){0};
	if (make_out(v, out, err) || lc_slots_make(&b.slots, s, v, err) || ask_base(&b, err))
		return lp_within(err, "%s", v->id);
	for (size_t i = 0; out->accepted && i < v->ninput; i++) {
		uint64_t salt = mix(nth, i);

		if ((p->what & LC_SWEEP_BITS && sweep_input(&b, i, false, salt, p, err)) ||
		    (p->what & LC_SWEEP_CUTS && sweep_input(&b, i, true, ~salt, p, err)))
			return lp_within(err, "%s", v->id);
	}
	if (b.n && flush(&b, err))
		return lp_within(err, "%s", v->id);
	if (lc_box_escaped(&s->home))
		find(&b, &(struct lc_change){0}, lc_class_name(LC_ESCAPE), "or a later change");
	return LP_OK;
}
