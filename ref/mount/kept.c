// SPDX-License-Identifier: MIT
#include "mount/kept.h"

#include "base/file.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

static const char *key_of(const json_t *document)
{
	const char *key = json_string_value(json_object_get(document, "key"));

	return key ? key : "";
}

static void record_free(struct lp_kept_record *r)
{
	for (size_t i = 0; r && i < r->nfd; i++)
		lp_fd_close(&r->fd[i]);
	if (r)
		json_decref(r->document);
	free(r);
}

struct lp_kept_record *lp_kept_find(const struct lp_kept *k, const char *key)
{
	struct lp_kept_record *r = k->first;

	while (r && strcmp(key_of(r->document), key) != 0)
		r = r->next;
	return r;
}

static void forget(struct lp_kept *k, const char *key)
{
	struct lp_kept_record *r = lp_kept_find(k, key), **at = &k->first;

	if (!r)
		return;
	while (*at != r)
		at = &(*at)->next;
	*at = r->next;
	record_free(r);
}

/* At the end: what comes later may need what came before. */
static void append(struct lp_kept *k, struct lp_kept_record *r)
{
	struct lp_kept_record **at = &k->first;

	forget(k, key_of(r->document));
	while (*at)
		at = &(*at)->next;
	*at = r;
}

static void tell(struct lp_kept *k, const json_t *j, const struct lp_packet *fds)
{
	struct lp_err err = {0};

	if (k->socket >= 0 && lp_wire_send_json(k->socket, j, fds, &err))
		lp_fd_close(&k->socket);
}

enum lp_code lp_kept_put(struct lp_kept *k, json_t *document, const int *fd, size_t nfd,
			 struct lp_err *err)
{
	struct lp_kept_record *r = calloc(1, sizeof(*r));
	struct lp_packet fds = {.nfd = nfd};

	if (r)
		r->document = document;
	else
		json_decref(document);
	if (!r || !document || nfd > LP_WIRE_FDS) {
		record_free(r);
		return lp_fail(err, LP_ESYSTEM, LP_NO_OFFSET, NULL, "nothing can be kept");
	}
	for (size_t i = 0; i < nfd; i++) {
		fds.fd[i] = fd[i];
		r->fd[i] = fcntl(fd[i], F_DUPFD_CLOEXEC, 3);
		if (r->fd[i] < 0) {
			lp_fail_errno(err, "keep a descriptor");
			record_free(r);
			return err->code;
		}
		r->nfd++;
	}
	append(k, r);
	tell(k, document, &fds);
	return LP_OK;
}

void lp_kept_drop(struct lp_kept *k, const char *key)
{
	json_t *j = json_pack("{s:s}", "drop", key);

	forget(k, key);
	tell(k, j, NULL);
	json_decref(j);
}

bool lp_kept_take(struct lp_kept *k, json_t *j, struct lp_packet *fds)
{
	const char *drop = json_string_value(json_object_get(j, "drop"));
	struct lp_kept_record *r;

	if (drop)
		forget(k, drop);
	if (drop || !*key_of(j))
		return drop != NULL;
	r = calloc(1, sizeof(*r));
	if (!r)
		return true;
	r->document = json_incref(j);
	r->nfd = fds->nfd;
	memcpy(r->fd, fds->fd, sizeof(r->fd));
	fds->nfd = 0;
	append(k, r);
	return true;
}

void lp_kept_free(struct lp_kept *k)
{
	while (k->first) {
		struct lp_kept_record *r = k->first;

		k->first = r->next;
		record_free(r);
	}
	lp_fd_close(&k->socket);
}
