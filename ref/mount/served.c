// SPDX-License-Identifier: MIT
#include "mount/served.h"

#include "base/log.h"
#include "layer/usage.h"
#include "mount/origin.h"
#include "mount/request.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#define RULE "mount.control.message"
#define RUNS_MAX ((size_t)64 << 20)	/* bytes of a prefetch list, ours */
#define SETUP_MAX ((size_t)1 << 20)	/* bytes of an attach document, ours */
#define ALIGNED(v) (((v) + LP_BLOCK - 1) & ~(uint64_t)(LP_BLOCK - 1))

static enum lp_code take_devices(struct lp_served *s, struct lp_err *err)
{
	size_t n = s->local.nlayer;

	/* One more, so that an image without layers is none for calloc either. */
	s->held = calloc(n + 1, sizeof(struct lp_held *));
	s->device = calloc(n + 1, sizeof(*s->device));
	s->fill = calloc(n + 1, sizeof(*s->fill));
	s->closed = calloc(n + 1, sizeof(*s->closed));
	if (!s->held || !s->device || !s->fill || !s->closed)
		return lp_fail_errno(err, "devices");
	for (size_t i = 0; i < n; i++) {
		if (lp_devices_take(s->devices, s->local.layer[i].device, &s->held[i], err))
			return lp_within(err, "layer %zu", i);
		s->device[i] = (struct lp_fuse_device){.device = &s->held[i]->device,
						       .number = s->held[i]->number};
	}
	return LP_OK;
}

static bool needs_worker(const struct lp_held *h)
{
	return !h->attached && !lp_held_complete(h);
}

/* The worker writes by the keeper's own descriptors. */
static void give(struct lp_served *s, struct lp_held *h)
{
	struct lp_msg m = {.op = LP_MSG_GIVE, .device = h->number};
	struct lp_err err = {0};

	/* Without it the attach fails, which is told. */
	if (lp_msg_send(s->devices->link->socket, &m, h->device.data, &err))
		lp_log_say("lazypull keeper", "%s", err.msg);
}

/* The document of LP_MSG_ATTACH: the request's origin, and the devices that need it. */
static json_t *attach_document(struct lp_served *s, size_t *n)
{
	json_t *j = json_copy(s->request), *devices = json_array();

	*n = 0;
	for (size_t i = 0; i < s->local.nlayer; i++) {
		char blob[LP_DIGEST_TEXT];

		if (!needs_worker(s->held[i]))
			continue;
		give(s, s->held[i]);
		lp_digest_text(&s->local.layer[i].blob, blob);
		json_array_append_new(devices, json_pack("{s:s, s:I, s:s}", "name",
							 s->local.layer[i].device, "number",
							 (json_int_t)s->held[i]->number, "blob",
							 blob));
		++*n;
	}
	if (json_object_set_new(j, "devices", devices))
		lp_json_free(&j);
	return j;
}

/* *begun: false when the worker has nothing to do for this image. */
static enum lp_code begin_attach(struct lp_served *s, struct lp_call *c, bool *begun,
				 struct lp_err *err)
{
	LP_AUTO(lp_json_free) json_t *j = NULL;
	LP_AUTO(lp_buf_free) struct lp_buf text = {0};
	LP_AUTO(lp_fd_close) int fd = -1;
	struct lp_msg m = {.op = LP_MSG_ATTACH};
	size_t n = 0;

	*begun = false;
	j = attach_document(s, &n);
	if (!j)
		return lp_fail(err, LP_ESYSTEM, LP_NO_OFFSET, NULL, "memory ran out");
	if (!n)
		return LP_OK;
	if (lp_json_print(j, &text, SETUP_MAX, err) || lp_wire_memfd(text.p, text.len, &fd, err))
		return err->code;
	lp_call_begin(c, s->devices->link, &m, fd);
	*begun = true;
	return LP_OK;
}

static enum lp_code end_attach(struct lp_served *s, struct lp_call *c, struct lp_err *err)
{
	if (lp_call_end(c, "attach to the registry", err))
		return err->code;
	for (size_t i = 0; i < s->local.nlayer; i++)
		if (needs_worker(s->held[i]))
			s->held[i]->attached = true;
	return LP_OK;
}

enum lp_code lp_served_attach(struct lp_served *s, struct lp_err *err)
{
	struct lp_call call;
	bool begun = false;

	if (begin_attach(s, &call, &begun, err) || (begun && end_attach(s, &call, err)))
		return err->code;
	return LP_OK;
}

static enum lp_code mount_fuse(struct lp_served *s, const struct lp_serve *what, int *out,
			       struct lp_err *err)
{
	const struct lp_fuse_setup setup = {
		.name = s->local.name,
		.tree = &s->local.tree,
		.device = s->device,
		.ndevice = s->local.nlayer,
		.link = s->devices->link,
		.read_timeout_ns = what->read_timeout_ns,
		.trace = what->trace >= 0 ? &s->trace : NULL,
		.waits = &s->waits,
		.ended = s->serving->wake,
	};

	if (what->trace >= 0 && lp_trace_open(&s->trace, err))
		return err->code;
	return lp_fuse_mount(&s->fuse, &setup, out, err);
}

static void fetched(struct lp_wait *w, enum lp_code code, int sys)
{
	struct lp_served *s = ((struct lp_fetching *)w)->of;
	int wake = s->serving->wake;

	(void)sys;
	if (w == &s->prefetch.wait)
		s->prefetched = true;
	else if (code)
		s->short_of = true;
	/* From here on the main thread may free @s. */
	s->asked--;
	eventfd_write(wake, 1);
}

static void ask(struct lp_served *s, struct lp_fetching *f, struct lp_msg *m, int fd)
{
	*f = (struct lp_fetching){.wait = {.done = fetched}, .of = s};
	s->asked++;
	lp_link_ask(s->devices->link, &f->wait, m, fd);
}

/* Append a run in the keeper's numbers, joined to the last one where it can be. */
static enum lp_code add_run(struct lp_served *s, struct lp_buf *to, const struct lp_run *r,
			    struct lp_err *err)
{
	struct lp_msg_run run = {.off = r->off, .bytes = r->bytes}, *last = NULL;
	const struct lp_held *h = r->device < s->local.nlayer ? s->held[r->device] : NULL;

	if (!h || r->off > h->device.table.layer.device_bytes ||
	    r->bytes > h->device.table.layer.device_bytes - r->off)
		return lp_fail(err, LP_EFORMAT, LP_NO_OFFSET, RULE, "a run outside its device");
	if (!h->attached || lp_device_ready(&h->device, r->off, r->bytes))
		return LP_OK;
	run.device = h->number;
	if (to->len)
		last = (struct lp_msg_run *)(void *)(to->p + to->len - sizeof(run));
	if (!last || last->device != run.device || ALIGNED(last->off + last->bytes) < run.off ||
	    run.off < last->off)
		return lp_buf_add(to, &run, sizeof(run), RUNS_MAX, err);
	if (run.off + run.bytes > last->off + last->bytes)
		last->bytes = run.off + run.bytes - last->off;
	return LP_OK;
}

/* The list that the request brought, else the image's own. */
static enum lp_code collect(struct lp_served *s, int list, struct lp_buf *to, struct lp_err *err)
{
	LP_AUTO(lp_map_free) struct lp_map map = {0};

	for (size_t i = 0; list < 0 && i < s->local.nprefetch; i++)
		if (add_run(s, to, &s->local.prefetch[i], err))
			return err->code;
	if (list < 0)
		return LP_OK;
	if (lp_map_fd(&map, list, err))
		return err->code;
	for (size_t at = 0; map.bytes - at >= sizeof(struct lp_msg_run);
	     at += sizeof(struct lp_msg_run)) {
		struct lp_msg_run in;
		struct lp_run r;

		memcpy(&in, map.p + at, sizeof(in));
		r = (struct lp_run){.device = in.device, .off = in.off, .bytes = in.bytes};
		if (add_run(s, to, &r, err))
			return err->code;
	}
	return LP_OK;
}

static enum lp_code prefetch(struct lp_served *s, int list, struct lp_err *err)
{
	LP_AUTO(lp_buf_free) struct lp_buf runs = {0};
	LP_AUTO(lp_fd_close) int fd = -1;
	struct lp_msg m = {.op = LP_MSG_PREFETCH};

	if (collect(s, list, &runs, err))
		return lp_within(err, "prefetch list");
	if (!runs.len) {
		s->prefetched = true;
		return LP_OK;
	}
	if (lp_wire_memfd(runs.p, runs.len, &fd, err))
		return err->code;
	ask(s, &s->prefetch, &m, fd);
	return LP_OK;
}

static enum lp_code open_all(struct lp_served *s, const struct lp_serve *what, int *out,
			     struct lp_err *err)
{
	LP_AUTO(lp_fd_close) int made = -1;
	struct lp_call call;
	struct lp_err ignored = {0};
	bool begun = false;
	enum lp_code code;

	if (lp_local_open(&s->local, s->devices->store, &what->image, err) ||
	    take_devices(s, err) || begin_attach(s, &call, &begun, err))
		return err->code;
	lp_usage_touch(s->local.dir);
	code = what->kernel ? lp_served_kernel_mount(s, &made, err)
			    : mount_fuse(s, what, &made, err);
	/* The call ends in any case; the first failure is the one that is told. */
	if (begun && end_attach(s, &call, code ? &ignored : err))
		code = code ? code : err->code;
	if (!code && what->prefetch != LP_PREFETCH_NONE)
		code = prefetch(s, what->list, err);
	else
		s->prefetched = true;
	if (code)
		return code;
	*out = made;
	made = -1;
	return LP_OK;
}

/* What @what says, without the descriptors that came with it. */
static enum lp_code make(struct lp_served **out, const struct lp_serving *serving,
			 const struct lp_serve *what, struct lp_err *err)
{
	struct lp_served *s = calloc(1, sizeof(*s));
	json_t *request = json_copy(what->document);

	if (!s || !request || json_object_set_new(request, "descriptors", json_array())) {
		json_decref(request);
		free(s);
		return lp_fail_errno(err, "a mount");
	}
	*s = (struct lp_served){.serving = serving, .devices = serving->devices, .trace_fd = -1,
				.events = -1, .background = what->background, .request = request,
				.read_timeout_ns = what->read_timeout_ns,
				.local = LP_LOCAL_EMPTY};
	snprintf(s->at, sizeof(s->at), "%s", what->at);
	lp_waits_init(&s->waits);
	*out = s;
	return LP_OK;
}

enum lp_code lp_served_open(struct lp_served **out, const struct lp_serving *serving,
			    const struct lp_serve *what, int *mounted, struct lp_err *err)
{
	struct lp_served *s;

	if (make(&s, serving, what, err))
		return err->code;
	if (what->trace >= 0)
		s->trace_fd = fcntl(what->trace, F_DUPFD_CLOEXEC, 3);
	if (what->events >= 0)
		s->events = fcntl(what->events, F_DUPFD_CLOEXEC, 3);
	if (open_all(s, what, mounted, err)) {
		lp_served_free(&s);
		return err->code;
	}
	*out = s;
	return LP_OK;
}

static enum lp_code resume_all(struct lp_served *s, const struct lp_serve *what,
			       struct lp_err *err)
{
	if (lp_local_open(&s->local, s->devices->store, &what->image, err) ||
	    take_devices(s, err) || lp_served_close_gate(s, err) || lp_served_attach(s, err))
		return err->code;
	return LP_OK;
}

enum lp_code lp_served_resume(struct lp_served **out, const struct lp_serving *serving,
			      const struct lp_kept_record *kept, struct lp_err *err)
{
	const struct lp_packet none = {.nfd = 0};
	json_t *request = json_object_get(kept->document, "request");
	const json_t *names = json_object_get(kept->document, "kernel"), *name;
	struct lp_serve what = {0};
	struct lp_served *s;
	size_t i;

	if (lp_serve_read(request, &none, &what, err) || make(&s, serving, &what, err))
		return err->code;
	json_array_foreach(names, i, name)
		if (i < LP_KERNEL_NAMES)
			snprintf(s->kernel.name[i], sizeof(s->kernel.name[i]), "%s",
				 json_string_value(name));
	s->prefetched = true;
	*out = s;
	if (!lp_kernel_alive(&s->kernel) || !resume_all(s, &what, err))
		return LP_OK;
	s->background = false;
	return err->code;
}

bool lp_served_by_kernel(const struct lp_served *s)
{
	return *s->kernel.name[0];
}

static void unmounted(struct lp_served *s)
{
	struct lp_err err = {0};

	lp_fuse_free(&s->fuse);
	if (s->trace_fd >= 0 &&
	    lp_trace_write(&s->trace, &s->local.tree, s->trace_fd, &s->traced, &err))
		lp_log_say("lazypull keeper", "%s: trace: %s", s->local.name, err.msg);
	lp_fd_close(&s->trace_fd);
}

static void fill(struct lp_served *s)
{
	s->filling = true;
	for (size_t i = 0; i < s->local.nlayer; i++) {
		struct lp_msg m = {.op = LP_MSG_FILL, .device = s->held[i]->number};

		if (s->held[i]->attached && !lp_held_complete(s->held[i]))
			ask(s, &s->fill[i], &m, -1);
	}
}

static void give_back(struct lp_served *s)
{
	for (size_t i = 0; s->held && i < s->local.nlayer; i++) {
		if (s->held[i])
			lp_devices_give(s->devices, s->held[i]);
		s->held[i] = NULL;
	}
}

static bool is_mounted(const struct lp_served *s)
{
	return s->fuse || lp_served_by_kernel(s);
}

bool lp_served_step(struct lp_served *s)
{
	const struct lp_events events = {.fd = s->events};

	if (s->fuse && lp_fuse_ended(s->fuse))
		unmounted(s);
	if (lp_served_by_kernel(s) && !lp_kernel_alive(&s->kernel))
		lp_served_kernel_gone(s);
	if (lp_served_by_kernel(s))
		lp_served_open_gate(s);
	if (s->background && s->prefetched && !s->filling)
		fill(s);
	if (s->filling && !s->asked) {
		if (!s->short_of)
			lp_event(&events, "local");
		lp_fd_close(&s->events);
		s->background = s->filling = false;
	}
	/* What is still under way for a mount that is gone ends when its devices go. */
	if (is_mounted(s) || s->background)
		return false;
	give_back(s);
	return !s->asked;
}

void lp_served_free(struct lp_served **sp)
{
	struct lp_served *s = *sp;

	*sp = NULL;
	if (!s)
		return;
	lp_fuse_free(&s->fuse);
	lp_served_kernel_gone(s);
	give_back(s);
	json_decref(s->request);
	free(s->closed);
	lp_usage_touch(s->local.dir);
	lp_local_free(&s->local);
	lp_trace_free(&s->trace);
	lp_waits_free(&s->waits);
	lp_fd_close(&s->trace_fd);
	lp_fd_close(&s->events);
	free(s->held);
	free(s->device);
	free(s->fill);
	free(s);
}

static json_t *device_json(const struct lp_held *h)
{
	uint32_t chunks = 0;
	uint64_t bytes = 0;

	lp_device_count(&h->device, &chunks, &bytes);
	return json_pack("{s:s, s:I, s:I, s:I, s:I}", "device", h->device.name, "ready_chunks",
			 (json_int_t)chunks, "chunks", (json_int_t)h->device.table.layer.nchunk,
			 "ready_bytes", (json_int_t)bytes, "device_bytes",
			 (json_int_t)h->device.table.layer.device_bytes);
}

json_t *lp_served_json(const struct lp_served *s)
{
	json_t *j, *devices = json_array();
	struct lp_fuse_count c = {0};
	struct lp_gate_count g;
	char image[LP_DIGEST_TEXT];

	for (size_t i = 0; i < s->local.nlayer; i++)
		if (s->held[i])
			json_array_append_new(devices, device_json(s->held[i]));
	if (s->fuse)
		lp_fuse_count(s->fuse, &c);
	lp_digest_text(&s->local.manifest, image);
	j = json_pack("{s:s, s:s, s:s, s:s, s:b, s:o}", "image", image, "name", s->local.name, "at",
		      s->at, "mode", s->fuse ? "fuse" : lp_served_by_kernel(s) ? "kernel" : "none",
		      "background", s->background, "devices", devices);
	lp_served_gate_count(s, &g);
	if (j && lp_served_by_kernel(s))
		json_object_set_new(j, "gate",
				    json_pack("{s:I, s:I, s:I}", "events", (json_int_t)g.events,
					      "waited", (json_int_t)g.waited, "failed",
					      (json_int_t)g.failed));
	else if (j)
		json_object_set_new(j, "fuse",
				    json_pack("{s:I, s:I, s:I, s:I, s:I, s:I, s:I}", "requests",
					      (json_int_t)c.requests, "reads",
					      (json_int_t)c.reads, "read_bytes",
					      (json_int_t)c.read_bytes, "waited",
					      (json_int_t)c.waited, "failed",
					      (json_int_t)c.failed, "ahead",
					      (json_int_t)c.ahead, "ahead_bytes",
					      (json_int_t)c.ahead_bytes));
	return j;
}
