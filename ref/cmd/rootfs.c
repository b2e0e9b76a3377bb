// SPDX-License-Identifier: MIT
#include "cmd/rootfs.h"

#include "image/list.h"
#include "image/publish.h"
#include "layer/usage.h"
#include "mount/gate.h"
#include "mount/kernel.h"
#include "mount/origin.h"
#include "mount/overlay.h"
#include "mount/unpack.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#define LOWER "lower"
#define MERGED "rootfs"
#define LINK_BYTES 24

/* What a command line says, on its way through the functions below. */
struct asked {
	const struct lp_common *common;
	const struct lp_rootfs_args *args;
	const char *at;
	int trace;
	struct lp_reference ref;
	struct lp_image_options options;
	char creds[256];
};

/* Said before anything is fetched, started or made. */
static enum lp_code may_mount(struct lp_err *err)
{
	LP_AUTO(lp_fd_close) int fs = fsopen("tmpfs", FSOPEN_CLOEXEC);

	if (fs >= 0 || errno != EPERM)
		return LP_OK;
	return lp_fail(err, LP_ESYSTEM, LP_NO_OFFSET, NULL,
		       "mounts are not allowed here: an ordinary user needs a user and a mount "
		       "namespace (unshare -Urm)");
}

static enum lp_code choose_mode(struct lp_rootfs *r, const struct asked *a, struct lp_err *err)
{
	LP_AUTO(lp_fd_close) int fuse = -1;
	struct lp_err why = {0};

	r->mode = (enum lp_mode)a->args->mode;
	if (a->trace >= 0 && (r->mode == LP_MODE_EXTRACT || r->mode == LP_MODE_KERNEL))
		return lp_fail(err, LP_EUSAGE, LP_NO_OFFSET, NULL, "--mount=fuse alone sees what is read");
	if (a->trace >= 0)
		r->mode = LP_MODE_FUSE;
	if (r->mode != LP_MODE_AUTO)
		return LP_OK;
	r->mode = LP_MODE_KERNEL;
	if (!lp_kernel_try(&why) && !lp_gate_try(r->store.dir, &why))
		return LP_OK;
	fuse = open("/dev/fuse", O_RDWR | O_CLOEXEC);
	r->mode = fuse >= 0 ? LP_MODE_FUSE : LP_MODE_EXTRACT;
	if (fuse >= 0)
		lp_log_say("lazypull", "--mount=fuse: %s", why.msg);
	else
		lp_log_say("lazypull", "--mount=extract: %s; /dev/fuse does not open: %s", why.msg,
			   strerror(errno));
	return LP_OK;
}

/* What the store knows of the name.  LP_EMISSING: nothing, or not whole. */
static enum lp_code open_known(struct lp_rootfs *r, const struct asked *a, struct lp_err *err)
{
	char name[LP_REFERENCE_TEXT];
	struct lp_digest digest = {0};

	lp_image_key(&a->ref, a->options.prefer, name);
	if (lp_store_name_get(&r->store, name, &digest, err))
		return err->code;
	return lp_local_open(&r->local, &r->store, &digest, err);
}

static enum lp_code resolve(struct lp_rootfs *r, const struct asked *a, struct lp_err *err)
{
	if (lp_image_open(&r->image, &a->ref, &a->options, err))
		return err->code;
	lp_event(&r->events, "resolved");
	return LP_OK;
}

static enum lp_code open_lazy(struct lp_rootfs *r, const struct asked *a, struct lp_err *err)
{
	enum lp_code code = a->args->pull == LP_PULL_ALWAYS ? LP_EMISSING : open_known(r, a, err);
	struct lp_publish_options o = {.allow_unverified = a->common->allow_unverified};
	struct lp_digest digest;

	if (!code)
		lp_event(&r->events, "resolved");
	if (code != LP_EMISSING || a->args->pull == LP_PULL_NEVER)
		return code;
	if (resolve(r, a, err) || lp_publish(&r->image, &r->store, &o, err))
		return err->code;
	digest = r->image.digest;
	lp_image_free(&r->image);
	r->image = (struct lp_image)LP_IMAGE_EMPTY;
	lp_local_free(&r->local);
	r->local = (struct lp_local)LP_LOCAL_EMPTY;
	return lp_local_open(&r->local, &r->store, &digest, err);
}

/* The runs that the list file names, in a memfd for the keeper. */
static enum lp_code load_list(const struct lp_rootfs *r, const char *path, int *fd,
			      struct lp_err *err)
{
	LP_AUTO(lp_buf_free) struct lp_buf text = {0};
	LP_AUTO(lp_buf_free) struct lp_buf runs = {0};
	LP_AUTO(lp_list_free) struct lp_list list = {0};

	if (lp_file_load(AT_FDCWD, path, LP_LIST_MAX, &text, err) ||
	    lp_list_resolve(&r->local, (const char *)text.p, text.len, &list, err))
		return lp_within(err, "%s", path);
	if (list.missed)
		lp_log_say("lazypull", "%s: %zu lines name nothing in this image", path,
			   list.missed);
	for (size_t i = 0; i < list.n; i++) {
		struct lp_msg_run run = {.device = list.run[i].device, .off = list.run[i].off,
					 .bytes = list.run[i].bytes};

		if (lp_buf_add(&runs, &run, sizeof(run), SIZE_MAX / 2, err))
			return err->code;
	}
	return lp_wire_memfd(runs.p, runs.len, fd, err);
}

static enum lp_code ask_keeper(struct lp_rootfs *r, const struct asked *a, struct lp_err *err)
{
	LP_AUTO(lp_json_free) json_t *document = json_object();
	LP_AUTO(lp_fd_close) int list = -1;
	struct lp_serve what = {
		.document = document,
		.image = r->local.manifest,
		.at = a->at,
		.prefetch = (enum lp_policy)a->args->prefetch,
		.kernel = r->mode == LP_MODE_KERNEL,
		.background = a->args->background,
		.read_timeout_ns = a->args->read_timeout_ns,
		.list = -1,
		.trace = a->trace,
		.events = a->args->background ? r->events.fd : -1,
	};
	char name[LP_REFERENCE_TEXT];

	lp_reference_text(&a->ref, name);
	if (a->args->list && load_list(r, a->args->list, &list, err))
		return err->code;
	what.list = list;
	if (lp_origin_put(document, name, &a->options.registry, err))
		return err->code;
	return lp_client_send(&r->client, &what, err);
}

static enum lp_code open_served(struct lp_rootfs *r, const struct asked *a, struct lp_err *err)
{
	/* It starts while the registry is asked. */
	if (lp_client_begin(&r->client, &r->store, err) || open_lazy(r, a, err))
		return err->code;
	r->config = &r->local.config;
	return ask_keeper(r, a, err);
}

/* What the store has of the name.  LP_EMISSING: nothing, or a layer is missing. */
static enum lp_code open_whole(struct lp_rootfs *r, const struct asked *a, struct lp_err *err)
{
	char name[LP_REFERENCE_TEXT];
	struct lp_digest digest = {0};

	lp_image_key(&a->ref, a->options.prefer, name);
	if (lp_store_name_get(&r->store, name, &digest, err) ||
	    lp_unpacked_open(&r->unpacked, &r->store, &digest, err))
		return err->code;
	if (!lp_unpacked_whole(&r->unpacked, &r->store))
		return lp_fail(err, LP_EMISSING, LP_NO_OFFSET, NULL, "%s: a layer is missing",
			       name);
	lp_event(&r->events, "resolved");
	return LP_OK;
}

static enum lp_code open_unpacked(struct lp_rootfs *r, const struct asked *a, struct lp_err *err)
{
	enum lp_code code = a->args->pull == LP_PULL_ALWAYS ? LP_EMISSING : open_whole(r, a, err);

	r->config = &r->unpacked.config;
	if (code != LP_EMISSING || a->args->pull == LP_PULL_NEVER)
		return code;
	lp_unpacked_free(&r->unpacked);
	if (resolve(r, a, err) || lp_unpack(&r->image, &r->store, NULL, &r->unpacked, err))
		return err->code;
	return LP_OK;
}

enum lp_code lp_rootfs_open(struct lp_rootfs *r, const struct lp_common *c,
			    const struct lp_rootfs_args *args, const char *name, const char *at,
			    int trace, struct lp_err *err)
{
	struct asked a = {.common = c, .args = args, .at = at, .trace = trace};

	r->events.fd = args->events ? (int)args->events : -1;
	lp_event(&r->events, "request");
	if (may_mount(err) || lp_common_image(c, a.creds, &a.options, err) ||
	    lp_reference_parse(name, &a.ref, err) || lp_reference_absolute(&a.ref, err) ||
	    lp_store_open(&r->store, c->store, err) || choose_mode(r, &a, err) ||
	    lp_settler_start(&r->settler, &r->store, err))
		return err->code;
	r->store.later = true;
	return r->mode == LP_MODE_EXTRACT ? open_unpacked(r, &a, err) : open_served(r, &a, err);
}

void lp_rootfs_free(struct lp_rootfs *r)
{
	lp_settler_free(&r->settler);
	lp_client_free(&r->client);
	lp_local_free(&r->local);
	lp_usage_touch(r->unpacked.dir);
	lp_unpacked_free(&r->unpacked);
	lp_image_free(&r->image);
	lp_store_free(&r->store);
}

static enum lp_code attach_served(struct lp_rootfs *r, const char *at, struct lp_err *err)
{
	LP_AUTO(lp_fd_close) int mounted = -1;

	if (lp_client_receive(&r->client, &mounted, err))
		return err->code;
	if (move_mount(mounted, "", AT_FDCWD, at, MOVE_MOUNT_F_EMPTY_PATH))
		return lp_fail_errno(err, "attach to %.200s", at);
	return LP_OK;
}

/* Overlay the unpacked layers, by short names in @dir. */
static enum lp_code attach_layers(struct lp_rootfs *r, int dir, bool writable, const char *at,
				  struct lp_err *err)
{
	size_t n = r->config->ndiffid;
	char (*text)[LINK_BYTES] = calloc(n + 1, sizeof(*text));
	const char **lower = calloc(n + 1, sizeof(*lower));
	char source[LP_DIGEST_TEXT + sizeof(LP_UNPACKED_SOURCE)], hex[LP_DIGEST_TEXT];
	struct lp_overlay o = {.dir = dir, .lower = lower, .nlower = n, .writable = writable,
			       .source = source, .at = at};
	enum lp_code code = LP_OK;

	lp_digest_hex(&r->unpacked.manifest, hex);
	snprintf(source, sizeof(source), "%s%s", LP_UNPACKED_SOURCE, hex);
	if (!text || !lower)
		code = lp_fail_errno(err, "layers");
	for (size_t i = 0; !code && i < n; i++) {
		char layer[LP_STORE_NAME], path[sizeof(r->store.path) + LP_STORE_NAME + 1];

		lp_store_layer_name(&r->config->diffid[i], layer);
		snprintf(path, sizeof(path), "%s/%s", r->store.path, layer);
		snprintf(text[i], sizeof(text[i]), "%zu", i);
		lower[i] = text[i];
		if (symlinkat(path, dir, text[i]))
			code = lp_fail_errno(err, "name layer %zu", i);
	}
	if (!code)
		code = lp_overlay_mount(&o, err);
	free(text);
	free(lower);
	return code;
}

enum lp_code lp_rootfs_attach(struct lp_rootfs *r, const char *at, struct lp_err *err)
{
	LP_AUTO(lp_fd_close) int dir = -1;
	char stage[LP_STAGE_NAME];
	struct lp_err ignored = {0};
	enum lp_code code;

	if (r->mode != LP_MODE_EXTRACT)
		return attach_served(r, at, err);
	if (lp_store_stage(&r->store, stage, &dir, err))
		return err->code;
	code = attach_layers(r, dir, false, at, err);
	if (lp_store_remove(&r->store, stage, &ignored))
		lp_log_say("lazypull", "%s: %s", stage, ignored.msg);
	return code;
}

static enum lp_code make(const char *name, struct lp_err *err)
{
	if (mkdir(name, 0755) && errno != EEXIST)
		return lp_fail_errno(err, "make %s", name);
	return LP_OK;
}

enum lp_code lp_rootfs_overlay(struct lp_rootfs *r, struct lp_err *err)
{
	LP_AUTO(lp_fd_close) int here = open(".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	const char *const lower[] = {LOWER};
	const struct lp_overlay o = {.dir = here, .lower = lower, .nlower = 1, .writable = true,
				     .source = "lazypull:run", .at = MERGED};

	if (here < 0)
		return lp_fail_errno(err, "open the container's directory");
	if (make(MERGED, err))
		return err->code;
	if (r->mode != LP_MODE_EXTRACT) {
		if (make(LOWER, err) || attach_served(r, LOWER, err))
			return err->code;
		lp_event(&r->events, "rootfs");
		if (lp_overlay_mount(&o, err))
			return err->code;
	} else {
		lp_event(&r->events, "rootfs");
		lp_event(&r->events, "local");
		if (attach_layers(r, here, true, MERGED, err))
			return err->code;
	}
	lp_event(&r->events, "overlay");
	return LP_OK;
}
