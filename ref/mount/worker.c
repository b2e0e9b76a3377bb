// SPDX-License-Identifier: MIT
#include "mount/worker.h"

#include "base/log.h"
#include "mount/origin.h"

#include <malloc.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

#define RULE "mount.control.message"
#define DEVICES_MAX 65536u		/* ours: numbers that the keeper may use */
#define SETUP_MAX ((size_t)1 << 20)	/* bytes of an attach document, ours */
#define RUNS_MAX ((size_t)64 << 20)	/* bytes of a prefetch list, ours */
#define IDLE_MS 1000			/* ours: after that, make durable what came */
#define THREADS 2			/* ours: that decode and verify */

/* An origin, and how many devices come from it. */
struct source {
	struct source *next;
	struct lp_origin origin;
	size_t users;
};

struct slot {
	struct lp_device device;
	struct source *from;
	uint32_t index;		/* the loader's */
};

/* Descriptors that wait to be attached. */
struct given {
	struct given *next;
	uint32_t number;
	int fd;
};

struct worker {
	struct lp_store *store;
	struct lp_loader *loader;
	struct lp_worker_count *count;
	struct source *source;
	struct slot **slot;	/* [nslot] by the keeper's number; NULL: none */
	size_t nslot;
	struct given *given;
	int socket;
	bool dirty;		/* something was asked for since the last sync */
	_Atomic size_t asked;	/* questions that have no answer yet */
};

/* A question under way. */
struct ask {
	struct lp_want want;
	struct worker *worker;
	uint64_t id;
};

/* A prefetch list under way. */
struct run {
	struct lp_want want;
	struct batch *batch;
};

struct batch {
	struct worker *worker;
	uint64_t id;
	_Atomic size_t left;
	struct run run[];
};

/* When this cannot be sent the keeper is gone, and the next receive says so. */
static void answer(struct worker *w, uint64_t id, enum lp_code code, const struct lp_err *e)
{
	struct lp_msg m = {.op = LP_MSG_DONE, .id = id, .status = (uint32_t)code,
			   .sys = code && e ? e->sys : 0};
	struct lp_err err = {0};

	if (code && e)
		lp_log_say("lazypull worker", "%s", e->msg);
	if (lp_msg_send(w->socket, &m, -1, &err))
		lp_log_say("lazypull worker", "%s", err.msg);
	w->asked--;
}

static struct slot *slot_of(struct worker *w, uint32_t number)
{
	return number < w->nslot ? w->slot[number] : NULL;
}

static void end_ask(struct lp_want *want, enum lp_code code, const struct lp_err *err)
{
	struct ask *a = (struct ask *)want;

	answer(a->worker, a->id, code, err);
	free(a);
}

static enum lp_code ask(struct worker *w, const struct lp_msg *m, struct lp_err *err)
{
	const struct slot *s = slot_of(w, m->device);
	struct ask *a;

	if (!s || m->value[0] > LP_BACKGROUND)
		return lp_fail(err, LP_EFORMAT, LP_NO_OFFSET, RULE, "no device %u", m->device);
	a = calloc(1, sizeof(*a));
	if (!a)
		return lp_fail_errno(err, "a question");
	*a = (struct ask){
		.want = {.device = s->index, .off = m->off, .bytes = m->bytes, .done = end_ask,
			 .priority = (enum lp_priority)m->value[0]},
		.worker = w,
		.id = m->id,
	};
	if (m->op == LP_MSG_FILL)
		lp_loader_background(w->loader, &a->want);
	else
		lp_loader_want(w->loader, &a->want);
	return LP_OK;
}

static void end_batch(struct batch *b)
{
	if (--b->left)
		return;
	answer(b->worker, b->id, LP_OK, NULL);
	free(b);
}

/* Nobody misses a prefetch that failed: the demand read will say what is wrong. */
static void end_run(struct lp_want *want, enum lp_code code, const struct lp_err *err)
{
	(void)code, (void)err;
	end_batch(((struct run *)want)->batch);
}

static enum lp_code put_runs(struct batch *b, const struct lp_msg_run *run, size_t n,
			     struct lp_err *err)
{
	for (size_t i = 0; i < n; i++) {
		const struct slot *s = slot_of(b->worker, run[i].device);

		if (!s)
			return lp_fail(err, LP_EFORMAT, LP_NO_OFFSET, RULE, "no device %u",
				       run[i].device);
		b->run[i] = (struct run){
			.want = {.device = s->index, .off = run[i].off, .bytes = run[i].bytes,
				 .done = end_run, .priority = LP_PREFETCH},
			.batch = b,
		};
	}
	return LP_OK;
}

static enum lp_code prefetch(struct worker *w, const struct lp_msg *m, int fd, struct lp_err *err)
{
	LP_AUTO(lp_map_free) struct lp_map map = {0};
	struct batch *b;
	size_t n;

	if (lp_map_fd(&map, fd, err))
		return err->code;
	n = map.bytes / sizeof(struct lp_msg_run);
	if (map.bytes > RUNS_MAX)
		return lp_fail(err, LP_ELIMIT, LP_NO_OFFSET, RULE, "a prefetch list of %zu bytes",
			       map.bytes);
	b = calloc(1, sizeof(*b) + n * sizeof(b->run[0]));
	if (!b)
		return lp_fail_errno(err, "a prefetch list");
	b->worker = w;
	b->id = m->id;
	/* One more than there are, so that the batch ends after the last one was put. */
	b->left = n + 1;
	if (n && put_runs(b, (const struct lp_msg_run *)(const void *)map.p, n, err)) {
		free(b);
		return err->code;
	}
	/* All at once, so that neighbours are fetched together. */
	lp_loader_want_all(w->loader, &b->run[0].want, n, sizeof(b->run[0]));
	end_batch(b);
	return LP_OK;
}

static void drop_source(struct worker *w, struct source *s)
{
	struct source **at = &w->source;

	if (--s->users)
		return;
	while (*at != s)
		at = &(*at)->next;
	*at = s->next;
	lp_origin_free(&s->origin);
	free(s);
}

static void drop(struct worker *w, uint32_t number)
{
	struct slot *s = slot_of(w, number);
	struct lp_err err = {0};

	if (!s)
		return;
	w->slot[number] = NULL;
	lp_loader_drop(w->loader, s->index);
	if (lp_device_sync(&s->device, &err))
		lp_log_say("lazypull worker", "%s: %s", s->device.name, err.msg);
	lp_device_free(&s->device);
	drop_source(w, s->from);
	free(s);
}

static enum lp_code reserve_slot(struct worker *w, uint64_t number, struct lp_err *err)
{
	struct slot **slot;

	if (number >= DEVICES_MAX || slot_of(w, (uint32_t)number))
		return lp_fail(err, LP_EFORMAT, LP_NO_OFFSET, RULE, "device number %llu",
			       (unsigned long long)number);
	if (number < w->nslot)
		return LP_OK;
	slot = realloc(w->slot, (number + 1) * sizeof(struct slot *));
	if (!slot)
		return lp_fail_errno(err, "devices");
	memset(slot + w->nslot, 0, (number + 1 - w->nslot) * sizeof(struct slot *));
	w->slot = slot;
	w->nslot = number + 1;
	return LP_OK;
}

/* Tell the loader where the device's blob is. */
static enum lp_code add(struct worker *w, struct slot *s, const struct lp_digest *blob,
			struct lp_err *err)
{
	int fd = -1;

	if (s->from->origin.registry)
		return lp_loader_add(w->loader, &s->device, s->from->origin.registry, &s->index,
				     err);
	if (lp_layout_blob(&s->from->origin.layout, blob, &fd, err))
		return err->code;
	return lp_loader_add_file(w->loader, &s->device, fd, &s->index, err);
}

/* The descriptor that was given for @number, the caller's; -1: none was. */
static int take_given(struct worker *w, uint32_t number)
{
	int fd = -1;

	for (struct given **at = &w->given; *at && fd < 0;) {
		struct given *g = *at;

		if (g->number != number) {
			at = &g->next;
			continue;
		}
		fd = g->fd;
		*at = g->next;
		free(g);
	}
	return fd;
}

static enum lp_code give(struct worker *w, const struct lp_msg *m, int fd, struct lp_err *err)
{
	struct given *g = calloc(1, sizeof(*g));

	if (!g)
		return lp_fail_errno(err, "a descriptor");
	lp_fd_close(&(int){take_given(w, m->device)});
	*g = (struct given){.next = w->given, .number = m->device,
			    .fd = fcntl(fd, F_DUPFD_CLOEXEC, 3)};
	w->given = g;
	return LP_OK;
}

static enum lp_code attach_one(struct worker *w, const json_t *j, struct source *from,
			       struct lp_err *err)
{
	const char *name = NULL;
	uint64_t number = 0;
	struct lp_digest blob = {0};
	struct slot *s;
	int data;

	if (lp_json_string(j, "name", LP_JSON_REQUIRED, RULE, &name, err) ||
	    lp_json_u64(j, "number", LP_JSON_REQUIRED, RULE, &number, err) ||
	    lp_json_digest(j, "blob", LP_JSON_REQUIRED, RULE, &blob, err) ||
	    reserve_slot(w, number, err))
		return err->code;
	s = calloc(1, sizeof(*s));
	if (!s)
		return lp_fail_errno(err, "a device");
	s->from = from;
	data = take_given(w, (uint32_t)number);
	if (data < 0)
		lp_fail(err, LP_EFORMAT, LP_NO_OFFSET, RULE, "device %llu was not given",
			(unsigned long long)number);
	if (data < 0 || lp_device_adopt(&s->device, w->store, name, data, err)) {
		free(s);
		return err->code;
	}
	if (add(w, s, &blob, err)) {
		lp_device_free(&s->device);
		free(s);
		return err->code;
	}
	from->users++;
	w->slot[number] = s;
	return LP_OK;
}

/* All devices of the document or none. */
static enum lp_code attach_all(struct worker *w, const json_t *j, struct source *from,
			       struct lp_err *err)
{
	json_t *devices = NULL;
	size_t n;

	if (lp_json_child(j, "devices", JSON_ARRAY, LP_JSON_REQUIRED, RULE, &devices, err))
		return err->code;
	n = json_array_size(devices);
	for (size_t i = 0; i < n; i++) {
		if (!attach_one(w, json_array_get(devices, i), from, err))
			continue;
		while (i-- > 0)
			drop(w, (uint32_t)json_integer_value(
					json_object_get(json_array_get(devices, i), "number")));
		return err->code;
	}
	return LP_OK;
}

static enum lp_code attach(struct worker *w, int fd, struct lp_err *err)
{
	LP_AUTO(lp_json_free) json_t *j = NULL;
	LP_AUTO(lp_map_free) struct lp_map map = {0};
	struct source *from = NULL;
	enum lp_code code;

	if (lp_map_fd(&map, fd, err))
		return err->code;
	if (map.bytes > SETUP_MAX)
		return lp_fail(err, LP_ELIMIT, LP_NO_OFFSET, RULE, "a setup of %zu bytes",
			       map.bytes);
	if (lp_json_parse(map.p, map.bytes, RULE, &j, err))
		return err->code;
	from = calloc(1, sizeof(*from));
	if (!from)
		return lp_fail_errno(err, "an origin");
	if (lp_origin_open(&from->origin, j, err)) {
		free(from);
		return err->code;
	}
	from->users = 1;
	from->next = w->source;
	w->source = from;
	code = attach_all(w, j, from, err);
	drop_source(w, from);
	return code;
}

static void count(struct worker *w)
{
	struct lp_registry_count sum = {0}, one;

	for (const struct source *s = w->source; s; s = s->next) {
		if (!s->origin.registry)
			continue;
		lp_registry_count(s->origin.registry, &one);
		sum.requests += one.requests;
		sum.body_bytes += one.body_bytes;
		sum.retries += one.retries;
	}
	lp_loader_count(w->loader, &w->count->loader);
	w->count->registry = sum;
	for (size_t i = 0; i < w->nslot && i < LP_COUNT_DEVICES; i++)
		if (w->slot[i])
			lp_loader_fetched(w->loader, w->slot[i]->index, &w->count->device[i]);
		else
			w->count->device[i] = (struct lp_fetched){.requests = {0}};
}

static void obey(struct worker *w, const struct lp_msg *m, int fd)
{
	struct lp_err err = {0};
	enum lp_code code = LP_OK;
	bool later = m->op == LP_MSG_WANT || m->op == LP_MSG_FILL || m->op == LP_MSG_PREFETCH;

	w->dirty = w->dirty || later;
	w->asked++;
	switch (m->op) {
	case LP_MSG_GIVE:
		code = give(w, m, fd, &err);
		break;
	case LP_MSG_ATTACH:
		code = attach(w, fd, &err);
		break;
	case LP_MSG_WANT:
	case LP_MSG_FILL:
		code = ask(w, m, &err);
		break;
	case LP_MSG_PREFETCH:
		code = prefetch(w, m, fd, &err);
		break;
	case LP_MSG_DROP:
		drop(w, m->device);
		break;
	case LP_MSG_COUNT:
		count(w);
		break;
	default:
		code = lp_fail(&err, LP_EFORMAT, LP_NO_OFFSET, RULE, "operation %u", m->op);
	}
	if (code || !later)
		answer(w, m->id, code, &err);
}

static void rest(struct worker *w)
{
	bool busy = w->asked > 0;
	struct lp_err err = {0};

	for (size_t i = 0; i < w->nslot; i++)
		if (w->slot[i] && lp_device_sync(&w->slot[i]->device, &err))
			lp_log_say("lazypull worker", "%s", err.msg);
	w->dirty = busy;
	malloc_trim(0);
}

static enum lp_code serve(struct worker *w, struct lp_err *err)
{
	for (;;) {
		struct lp_msg m = {0};
		struct lp_packet p = {.p = (uint8_t *)&m};
		enum lp_code code = lp_wire_recv(w->socket, &p, sizeof(m),
						 w->dirty ? IDLE_MS : -1, err);

		if (code == LP_ESYSTEM && err->sys == ETIMEDOUT) {
			rest(w);
			continue;
		}
		if (code || !p.bytes)
			return code;
		if (p.bytes == sizeof(m))
			obey(w, &m, p.nfd ? p.fd[0] : -1);
		lp_packet_close(&p);
	}
}

int lp_worker_run(struct lp_store *s, int socket, struct lp_worker_count *shared)
{
	struct worker w = {.store = s, .count = shared, .socket = socket};
	struct lp_err err = {0};
	enum lp_code code;

	prctl(PR_SET_NAME, "lazypull-worker");
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) || prctl(PR_SET_DUMPABLE, 0) ||
	    prctl(PR_SET_PDEATHSIG, SIGTERM))
		code = lp_fail_errno(&err, "prctl");
	else
		code = lp_loader_open(&w.loader, THREADS, &err);
	if (!code)
		code = serve(&w, &err);
	for (uint32_t i = 0; i < w.nslot; i++)
		drop(&w, i);
	while (w.given)
		lp_fd_close(&(int){take_given(&w, w.given->number)});
	free(w.slot);
	if (w.loader)
		lp_loader_free(&w.loader);
	if (code)
		lp_log_say("lazypull worker", "%s", err.msg);
	return lp_exit_status(code);
}
