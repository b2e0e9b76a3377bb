// SPDX-License-Identifier: MIT
#include "registry/ticket.h"

#include "base/log.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum lp_code lb_tickets_start(struct lb_tickets *t, struct lp_err *err)
{
	*t = (struct lb_tickets){0};
	pthread_mutex_init(&t->lock, NULL);
	lb_random_id(t->secret);
	t->token = calloc(LB_TOKENS_MAX, sizeof(*t->token));
	return t->token ? LP_OK : lp_fail_errno(err, "tokens");
}

void lb_tickets_free(struct lb_tickets *t)
{
	free(t->token);
	t->token = NULL;
}

void lb_token_issue(struct lb_tickets *t, uint64_t seconds, uint64_t uses,
		    char out[static LB_ID_TEXT])
{
	struct lb_token *new;

	lb_random_id(out);
	pthread_mutex_lock(&t->lock);
	new = &t->token[t->ntoken++ % LB_TOKENS_MAX];
	memcpy(new->id, out, LB_ID_TEXT);
	new->end_ns = lp_now_ns() + seconds * 1000000000u;
	new->uses = uses ? uses : UINT64_MAX;
	pthread_mutex_unlock(&t->lock);
}

bool lb_token_use(struct lb_tickets *t, const char *id)
{
	bool good = false;

	pthread_mutex_lock(&t->lock);
	for (size_t i = 0; i < LB_TOKENS_MAX && i < t->ntoken; i++) {
		struct lb_token *k = &t->token[i];

		if (strcmp(k->id, id) != 0)
			continue;
		good = k->uses && lp_now_ns() < k->end_ns;
		k->uses -= good;
		break;
	}
	pthread_mutex_unlock(&t->lock);
	return good;
}

void lb_ticket_sign(const struct lb_tickets *t, const char *path, uint64_t end_ns,
		    char out[static LP_DIGEST_TEXT])
{
	char text[700];
	struct lp_digest d;

	snprintf(text, sizeof(text), "%s %s %" PRIu64, t->secret, path, end_ns);
	lp_digest_of(LP_SHA256, text, strlen(text), &d);
	lp_digest_hex(&d, out);
}
