/* SPDX-License-Identifier: MIT */
/*
 * upload - blobs on their way in: an id, an unnamed file in the layout, what has come so far.
 *
 * An upload belongs to one request at a time: take it out of the table, put it back.
 */
#ifndef LB_UPLOAD_H
#define LB_UPLOAD_H

#include "oci/layout.h"

#include <pthread.h>

#define LB_ID_TEXT 33		/* 128 random bits in hexadecimal, and the NUL */

struct lb_upload {
	char id[LB_ID_TEXT];
	char name[256];			/* the repository */
	int fd;
	uint64_t bytes;			/* that have come */
	struct lb_upload *next;
};

struct lb_uploads {
	pthread_mutex_t lock;
	struct lb_upload *first;
};

void lb_uploads_start(struct lb_uploads *u);
void lb_uploads_free(struct lb_uploads *u);

/* A new one, in nobody's table.  LP_ESYSTEM. */
LP_MUST_CHECK enum lp_code lb_upload_open(struct lp_layout *l, const char *name,
					  struct lb_upload **out, struct lp_err *err);
void lb_upload_free(struct lb_upload *u);

void lb_uploads_put(struct lb_uploads *u, struct lb_upload *one);

/* Out of the table, or NULL. */
struct lb_upload *lb_uploads_take(struct lb_uploads *u, const char *name, const char *id);

LP_MUST_CHECK enum lp_code lb_upload_write(struct lb_upload *u, const void *p, size_t n,
					   struct lp_err *err);

/* Hash what has come, compare with @want, and give it its name.  LP_EDIGEST. */
LP_MUST_CHECK enum lp_code lb_upload_commit(struct lb_upload *u, struct lp_layout *l,
					    const struct lp_digest *want, struct lp_err *err);

/* LB_ID_TEXT bytes of randomness for @out. */
void lb_random_id(char out[static LB_ID_TEXT]);

#endif
