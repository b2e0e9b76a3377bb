// SPDX-License-Identifier: MIT
#include "registry/upload.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <unistd.h>

void lb_random_id(char out[static LB_ID_TEXT])
{
	uint8_t b[16] = {0};

	/* Up to 256 bytes come whole once the kernel's pool is ready: getrandom(2). */
	if (getrandom(b, sizeof(b), 0) != (ssize_t)sizeof(b))
		abort();
	for (size_t i = 0; i < sizeof(b); i++)
		snprintf(out + 2 * i, 3, "%02x", b[i]);
}

void lb_uploads_start(struct lb_uploads *u)
{
	*u = (struct lb_uploads){0};
	pthread_mutex_init(&u->lock, NULL);
}

void lb_uploads_free(struct lb_uploads *u)
{
	while (u->first) {
		struct lb_upload *gone = u->first;

		u->first = gone->next;
		lb_upload_free(gone);
	}
}

enum lp_code lb_upload_open(struct lp_layout *l, const char *name, struct lb_upload **out,
			    struct lp_err *err)
{
	struct lb_upload *u = calloc(1, sizeof(*u));

	*out = NULL;
	if (!u)
		return lp_fail_errno(err, "upload to %s", name);
	u->fd = -1;
	if (lp_layout_stage(l, &u->fd, err)) {
		lb_upload_free(u);
		return err->code;
	}
	lb_random_id(u->id);
	snprintf(u->name, sizeof(u->name), "%s", name);
	*out = u;
	return LP_OK;
}

void lb_upload_free(struct lb_upload *u)
{
	if (!u)
		return;
	lp_fd_close(&u->fd);
	free(u);
}

void lb_uploads_put(struct lb_uploads *u, struct lb_upload *one)
{
	pthread_mutex_lock(&u->lock);
	one->next = u->first;
	u->first = one;
	pthread_mutex_unlock(&u->lock);
}

struct lb_upload *lb_uploads_take(struct lb_uploads *u, const char *name, const char *id)
{
	struct lb_upload *found = NULL;

	pthread_mutex_lock(&u->lock);
	for (struct lb_upload **p = &u->first; *p; p = &(*p)->next) {
		if (strcmp((*p)->id, id) != 0 || strcmp((*p)->name, name) != 0)
			continue;
		found = *p;
		*p = found->next;
		found->next = NULL;
		break;
	}
	pthread_mutex_unlock(&u->lock);
	return found;
}

enum lp_code lb_upload_write(struct lb_upload *u, const void *p, size_t n, struct lp_err *err)
{
	if (lp_file_pwrite(u->fd, u->bytes, p, n, err))
		return err->code;
	u->bytes += n;
	return LP_OK;
}

enum lp_code lb_upload_commit(struct lb_upload *u, struct lp_layout *l,
			      const struct lp_digest *want, struct lp_err *err)
{
	LP_AUTO(lp_map_free) struct lp_map map = {0};
	struct lp_digest got;

	if (u->bytes && lp_map_fd(&map, u->fd, err))
		return err->code;
	lp_digest_of(want->alg, map.p, map.bytes, &got);
	if (lp_digest_check(&got, want, LP_NO_OFFSET, NULL, "the upload", err))
		return err->code;
	return lp_layout_commit(l, u->fd, want, err);
}
