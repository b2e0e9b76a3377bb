// SPDX-License-Identifier: MIT
#include "registry/sent.h"

#include <stdlib.h>

struct lb_sent_blob {
	struct lb_sent_blob *next;
	struct lp_digest digest;
	uint8_t bit[];		/* of byte i: bit i % 8 of bit[i / 8] */
};

void lb_sent_start(struct lb_sent *s)
{
	s->first = NULL;
	pthread_mutex_init(&s->lock, NULL);
}

void lb_sent_free(struct lb_sent *s)
{
	while (s->first) {
		struct lb_sent_blob *b = s->first;

		s->first = b->next;
		free(b);
	}
}

static struct lb_sent_blob *find(const struct lb_sent *s, const struct lp_digest *d)
{
	for (struct lb_sent_blob *b = s->first; b; b = b->next)
		if (lp_digest_equal(&b->digest, d))
			return b;
	return NULL;
}

static struct lb_sent_blob *add(struct lb_sent *s, const struct lp_digest *d, uint64_t bytes)
{
	struct lb_sent_blob *b = calloc(1, sizeof(*b) + (size_t)(bytes / 8) + 1);

	if (!b)
		return NULL;
	b->digest = *d;
	b->next = s->first;
	s->first = b;
	return b;
}

enum lp_code lb_sent_find(struct lb_sent *s, const struct lp_digest *d, uint64_t bytes,
			  struct lb_sent_blob **out, struct lp_err *err)
{
	pthread_mutex_lock(&s->lock);
	*out = find(s, d);
	if (!*out)
		*out = add(s, d, bytes);
	pthread_mutex_unlock(&s->lock);
	return *out ? LP_OK : lp_fail_errno(err, "what was sent");
}

void lb_sent_spoil(struct lb_sent *s, struct lb_sent_blob *b, uint64_t off, void *p, size_t n)
{
	uint8_t *byte = p;

	pthread_mutex_lock(&s->lock);
	for (size_t i = 0; i < n; i++) {
		uint8_t *bits = &b->bit[(off + i) / 8];
		uint8_t mine = (uint8_t)(1u << (off + i) % 8);

		byte[i] ^= !(*bits & mine);
		*bits |= mine;
	}
	pthread_mutex_unlock(&s->lock);
}
