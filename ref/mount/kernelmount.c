// SPDX-License-Identifier: MIT
#include "mount/served.h"

#include "base/log.h"

#include <stdlib.h>
#include <string.h>

#define NAME "lazypull keeper"

/* Complete, and so after a crash as well: it is made to. */
static bool is_safe(struct lp_held *h)
{
	struct lp_err err = {0};

	if (!lp_held_complete(h))
		return false;
	if (!lp_device_sync(&h->device, &err))
		return lp_held_complete(h);
	lp_log_say(NAME, "%s: %s", h->device.name, err.msg);
	return false;
}

/*
 * The devices that are not complete, marked before the kernel opens them.  A device that was
 * kept may be complete by now, and have its mark yet: whoever raises events must be known.
 */
enum lp_code lp_served_close_gate(struct lp_served *s, struct lp_err *err)
{
	if (!s->serving->gate)
		return lp_fail(err, LP_EUNSUP, LP_NO_OFFSET, NULL, "%s", s->serving->no_gate);
	for (size_t i = 0; i < s->local.nlayer; i++) {
		struct lp_held *h = s->held[i];

		if (!lp_devices_kept(s->devices, h) && is_safe(h))
			continue;
		if (lp_devices_keep(s->devices, h, err) ||
		    lp_gate_close(s->serving->gate, h, s->read_timeout_ns, err))
			return err->code;
		s->closed[i] = true;
	}
	return LP_OK;
}

static enum lp_code make_mount(struct lp_served *s, int *mount, struct lp_err *err)
{
	char source[LP_STORE_RUN + LP_STORE_NAME + 32], image[LP_STORE_NAME];
	struct lp_kernel_setup setup = {.source = source, .ndevice = s->local.nlayer};
	int *device = calloc(s->local.nlayer + 1, sizeof(*device));
	enum lp_code code;

	if (!device)
		return lp_fail_errno(err, "devices");
	for (size_t i = 0; i < s->local.nlayer; i++)
		device[i] = s->held[i]->device.data;
	setup.device = device;
	lp_store_image_name(&s->local.manifest, image);
	snprintf(source, sizeof(source), "%s/" LP_STORE_LINK "/%s/meta.erofs",
		 s->devices->store->run, image);
	code = lp_kernel_mount(&s->kernel, &setup, mount, err);
	free(device);
	return code;
}

static void key_of(const struct lp_served *s, char key[static 48])
{
	snprintf(key, 48, "mount:%s", s->kernel.name[0]);
}

/* For the next keeper: what was asked, and which super block came of it. */
static enum lp_code keep(struct lp_served *s, struct lp_err *err)
{
	json_t *names = json_array();
	char key[48];

	for (size_t i = 0; i < LP_KERNEL_NAMES && *s->kernel.name[i]; i++)
		json_array_append_new(names, json_string(s->kernel.name[i]));
	key_of(s, key);
	return lp_kept_put(s->devices->kept,
			   json_pack("{s:s, s:O, s:o}", "key", key, "request", s->request,
				     "kernel", names),
			   NULL, 0, err);
}

enum lp_code lp_served_kernel_mount(struct lp_served *s, int *mount, struct lp_err *err)
{
	LP_AUTO(lp_fd_close) int made = -1;

	if (lp_served_close_gate(s, err) || make_mount(s, &made, err) || keep(s, err))
		return err->code;
	*mount = made;
	made = -1;
	return LP_OK;
}

void lp_served_open_gate(struct lp_served *s)
{
	for (size_t i = 0; i < s->local.nlayer; i++) {
		struct lp_held *h = s->held[i];

		/* Where it fails, the next try is at the next step: until then its readers ask. */
		if (s->closed[i] && lp_gate_asks(s->serving->gate, h) && is_safe(h))
			lp_gate_open_wide(s->serving->gate, h);
	}
}

void lp_served_kernel_gone(struct lp_served *s)
{
	char key[48];

	for (size_t i = 0; s->closed && i < s->local.nlayer; i++) {
		if (!s->closed[i])
			continue;
		if (!lp_gate_leave(s->serving->gate, s->held[i]))
			lp_devices_unkeep(s->devices, s->held[i]);
		s->closed[i] = false;
	}
	if (*s->kernel.name[0]) {
		key_of(s, key);
		lp_kept_drop(s->devices->kept, key);
	}
	memset(&s->kernel, 0, sizeof(s->kernel));
}

void lp_served_gate_count(const struct lp_served *s, struct lp_gate_count *sum)
{
	*sum = (struct lp_gate_count){0};
	for (size_t i = 0; i < s->local.nlayer; i++) {
		struct lp_gate_count one;

		if (!s->closed[i])
			continue;
		lp_gate_count(s->serving->gate, s->held[i], &one);
		sum->events += one.events;
		sum->waited += one.waited;
		sum->failed += one.failed;
	}
}
