// SPDX-License-Identifier: MIT
#include "fetch/registry.h"

#include "fetch/engine.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static unsigned or_default(unsigned value, unsigned standard)
{
	return value ? value : standard;
}

static char *copy(const char *text)
{
	return text ? strdup(text) : NULL;
}

static enum lp_code keep_options(struct lp_registry *r, const struct lp_registry_options *o,
				 struct lp_err *err)
{
	r->o = *o;
	r->o.connections = o->connections == 1 ? 2 : or_default(o->connections, 4);
	r->counts = o->connections > 0;
	r->o.tries = or_default(o->tries, 5);
	r->o.stall_ms = or_default(o->stall_ms, 30000);
	r->o.retry_ms = or_default(o->retry_ms, 100);
	r->o.retry_max_ms = or_default(o->retry_max_ms, 60000);
	r->o.helper_ms = or_default(o->helper_ms, 10000);
	r->user = copy(o->user);
	r->password = copy(o->password);
	r->ca_file = copy(o->ca_file);
	if (!r->user != !o->user || !r->password != !o->password || !r->ca_file != !o->ca_file)
		return lp_fail(err, LP_ESYSTEM, LP_NO_OFFSET, NULL, "options");
	return LP_OK;
}

/* The registry itself: plain HTTP where it was asked for, and on this machine. */
static enum lp_code set_origin(struct lp_registry *r, const char *host, struct lp_err *err)
{
	bool plain = r->o.plain_http || (lp_reference_loopback(host) && !r->ca_file);
	/* Docker: the registry of docker.io has another name */
	const char *server = strcmp(host, "docker.io") ? host : "registry-1.docker.io";

	snprintf(r->origin.host, sizeof(r->origin.host), "%s", host);
	if (asprintf(&r->origin.base, "%s://%s", plain ? "http" : "https", server) < 0)
		r->origin.base = NULL;
	if (!r->origin.base)
		return lp_fail(err, LP_ESYSTEM, LP_NO_OFFSET, NULL, "a URL");
	return lp_url_origin(r->origin.base, &r->origin.origin, err);
}

static enum lp_code set_mirror(struct lp_registry *r, const char *url, struct lp_err *err)
{
	struct lp_endpoint *m = &r->mirror;
	size_t n = strlen(url);

	if (lp_url_origin(url, &m->origin, err) || strchr(url, '?') || strchr(url, '#'))
		return lp_fail(err, LP_EUSAGE, LP_NO_OFFSET, NULL,
			       "the mirror \"%s\" is not http://HOST:PORT or https://HOST", url);
	while (n && url[n - 1] == '/')
		n--;
	m->base = strndup(url, n);
	if (!m->base)
		return lp_fail(err, LP_ESYSTEM, LP_NO_OFFSET, NULL, "a URL");
	m->ns = r->origin.host;
	snprintf(m->host, sizeof(m->host), "%.*s", (int)strcspn(strstr(url, "://") + 3, "/"),
		 strstr(url, "://") + 3);
	return LP_OK;
}

enum lp_code lp_registry_open(struct lp_registry **out, const struct lp_reference *ref,
			      const struct lp_registry_options *o, struct lp_err *err)
{
	LP_AUTO(lp_registry_free) struct lp_registry *r = calloc(1, sizeof(*r));

	*out = NULL;
	if (!r)
		return lp_fail(err, LP_ESYSTEM, LP_NO_OFFSET, NULL, "a registry");
	pthread_mutex_init(&r->lock, NULL);
	pthread_cond_init(&r->over, NULL);
	snprintf(r->name, sizeof(r->name), "%s", ref->name);
	if (keep_options(r, o, err) || set_origin(r, ref->host, err) ||
	    (o->mirror && set_mirror(r, o->mirror, err)) || lp_engine_start(r, err))
		return err->code;
	*out = r;
	r = NULL;
	return LP_OK;
}

static void free_endpoint(struct lp_endpoint *ep)
{
	free(ep->base);
	lp_auth_free(&ep->auth);
}

void lp_registry_free(struct lp_registry **registry)
{
	struct lp_registry *r = *registry;
	struct lp_resolved *next;

	*registry = NULL;
	if (!r)
		return;
	lp_engine_stop(r);
	for (; r->resolved; r->resolved = next) {
		next = r->resolved->next;
		free(r->resolved->url);
		free(r->resolved);
	}
	free_endpoint(&r->origin);
	free_endpoint(&r->mirror);
	free(r->ca_file);
	free(r->user);
	if (r->password)
		explicit_bzero(r->password, strlen(r->password));
	free(r->password);
	pthread_cond_destroy(&r->over);
	pthread_mutex_destroy(&r->lock);
	free(r);
}

bool lp_registry_ranges(const struct lp_registry *r)
{
	return !r->no_ranges;
}

void lp_registry_count(struct lp_registry *r, struct lp_registry_count *out)
{
	*out = (struct lp_registry_count){
		.requests = r->requests, .body_bytes = r->body_bytes, .retries = r->retries,
	};
}
