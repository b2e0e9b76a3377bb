// SPDX-License-Identifier: MIT
#include "system/nydus.h"

#include "base/file.h"
#include "base/json.h"
#include "base/log.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zstd.h>

#define MOUNT_NS 60000000000u /* ours: a first start on a busy machine */
#define TRY_MS 1
#define HEADER 512u		     /* behind each section of a blob: a tar header */
#define BOOT_MAX ((size_t)256 << 20) /* ours */

const char *lb_nydus_missing(const struct lb_programs *p)
{
	static const char *const needed[] = {"nydus-image", "nydusd"};

	return lb_programs_missing(p, needed, sizeof(needed) / sizeof(needed[0]));
}

void lb_nydus_create(const struct lb_programs *p, const struct lb_nydus_writer *w, const char *tar,
		     const char *blob, struct lb_args *out)
{
	*out = (struct lb_args){.n = 0};
	lb_args_add(out, "%s/nydus-image", p->peers);
	lb_args_add(out, "create");
	lb_args_add(out, "--log-level=warn");
	lb_args_add(out, "--type=tar-rafs");
	lb_args_add(out, "--whiteout-spec=none");
	lb_args_add(out, "--fs-version=%d", w->version);
	lb_args_add(out, "--compressor=%s", w->compressor);
	lb_args_add(out, "--blob-inline-meta");
	if (w->version == 6)
		lb_args_add(out, "--features=blob-toc");
	lb_args_add(out, "--blob=%s", blob);
	lb_args_add(out, "%s", tar);
}

/* Where "image.boot" lies in a blob: sections with their headers behind them, back to front. */
static bool find_boot(const struct lp_map *m, size_t *off, size_t *bytes)
{
	size_t end = m->bytes;

	while (end >= HEADER) {
		const char *header = (const char *)m->p + end - HEADER;
		char octal[13] = {0};

		memcpy(octal, header + 124, 12);
		*bytes = strtoull(octal, NULL, 8);
		if (*bytes > end - HEADER)
			return false;
		*off = end - HEADER - *bytes;
		if (!strncmp(header, "image.boot", 100))
			return true;
		end = *off;
	}
	return false;
}

/* The section may be one zstd frame. */
static enum lp_code unpack(const uint8_t *p, size_t n, struct lp_buf *out, struct lp_err *err)
{
	static const uint8_t magic[] = {0x28, 0xb5, 0x2f, 0xfd};
	unsigned long long plain;

	if (n < sizeof(magic) || memcmp(p, magic, sizeof(magic)))
		return lp_buf_add(out, p, n, BOOT_MAX, err);
	plain = ZSTD_getFrameContentSize(p, n);
	if (plain > BOOT_MAX)
		return lp_fail(err, LP_EFORMAT, LP_NO_OFFSET, NULL, "a bootstrap of no known size");
	if (lp_buf_reserve(out, (size_t)plain, BOOT_MAX, err))
		return err->code;
	out->len = ZSTD_decompress(out->p, (size_t)plain, p, n);
	if (ZSTD_isError(out->len))
		return lp_fail(err, LP_EFORMAT, LP_NO_OFFSET, NULL, "a bootstrap that is no zstd");
	return LP_OK;
}

enum lp_code lb_nydus_cut(const char *blob, const char *directory, char path[static 1100],
			  struct lp_err *err)
{
	LP_AUTO(lp_fd_close) int fd = open(blob, O_RDONLY | O_CLOEXEC);
	LP_AUTO(lp_map_free) struct lp_map map = {0};
	LP_AUTO(lp_buf_free) struct lp_buf boot = {0};
	char hex[LP_DIGEST_TEXT];
	struct lp_digest id;
	size_t off, bytes;

	if (fd < 0)
		return lp_fail_errno(err, "open %s", blob);
	if (lp_map_fd(&map, fd, err))
		return err->code;
	if (!find_boot(&map, &off, &bytes))
		return lp_fail(err, LP_EFORMAT, LP_NO_OFFSET, NULL, "%s: no bootstrap", blob);
	if (unpack(map.p + off, bytes, &boot, err))
		return lp_within(err, "%s", blob);
	lp_digest_of(LP_SHA256, map.p, map.bytes, &id);
	lp_digest_hex(&id, hex);
	snprintf(path, 1100, "%.1000s/%.64s", directory, hex);
	return lp_file_save(AT_FDCWD, path, boot.p, boot.len, err);
}

void lb_nydus_merge(const struct lb_programs *p, const char (*boot)[1100], size_t n,
		    const char *merged, struct lb_args *out)
{
	*out = (struct lb_args){.n = 0};
	lb_args_add(out, "%s/nydus-image", p->peers);
	lb_args_add(out, "merge");
	lb_args_add(out, "--log-level=warn");
	lb_args_add(out, "--bootstrap=%s", merged);
	for (size_t i = 0; i < n; i++)
		lb_args_add(out, "%s", boot[i]);
}

enum lp_code lb_nydus_boot(const char *layer, const char *directory, char path[static 1100],
			   struct lp_err *err)
{
	LP_AUTO(lp_buf_free) struct lp_buf said = {0};
	struct lb_args a = {.n = 0};

	lb_args_add(&a, "tar");
	lb_args_add(&a, "-xzf");
	lb_args_add(&a, "%s", layer);
	lb_args_add(&a, "-C");
	lb_args_add(&a, "%s", directory);
	lb_args_add(&a, "image/image.boot");
	snprintf(path, 1100, "%.1000s/image/image.boot", directory);
	return lb_capture(&a, 4096, &said, NULL, err);
}

void lb_nydus_check(const struct lb_programs *p, const char *boot, struct lb_args *out)
{
	*out = (struct lb_args){.n = 0};
	lb_args_add(out, "%s/nydus-image", p->peers);
	lb_args_add(out, "check");
	lb_args_add(out, "--log-level=warn");
	lb_args_add(out, "--bootstrap=%s", boot);
}

/* As the snapshotter's own configuration has it, but for what the options say. */
static enum lp_code write_config(const struct lb_nydusd_options *o, const char *directory,
				 const char *path, struct lp_err *err)
{
	LP_AUTO(lp_json_free) json_t *config = NULL;
	LP_AUTO(lp_buf_free) struct lp_buf text = {0};
	char cache[600];

	snprintf(cache, sizeof(cache), "%s/cache", directory);
	config = json_pack("{s:{s:{s:s, s:{s:s, s:b, s:s, s:s, s:i, s:i, s:i}},"
			   "    s:{s:s, s:{s:s}}},"
			   " s:s, s:b, s:b, s:b, s:i, s:{s:b, s:i, s:i, s:b}}",
			   "device", "backend", "type", "registry", "config", "scheme", "http",
			   "skip_verify", 1, "host", o->host, "repo", o->repository, "timeout", 5,
			   "connect_timeout", 5, "retry_limit", 2, "cache", "type", "blobcache",
			   "config", "work_dir", cache, "mode", "direct", "digest_validate", 0,
			   "iostats_files", 0, "enable_xattr", 1, "amplify_io", 1 << 20,
			   "fs_prefetch", "enable", o->prefetch, "threads_count", 8, "merging_size",
			   1 << 20, "prefetch_all", 0);
	if (!config)
		return lp_fail(err, LP_ESYSTEM, LP_NO_OFFSET, NULL, "no configuration");
	if (mkdir(cache, 0700))
		return lp_fail_errno(err, "mkdir %s", cache);
	if (lp_json_print(config, &text, 65536, err))
		return err->code;
	return lp_file_save(AT_FDCWD, path, text.p, text.len, err);
}

static bool is_mount(const char *path, const char *parent)
{
	struct stat at, above;

	return !stat(path, &at) && !stat(parent, &above) && at.st_dev != above.st_dev;
}

static enum lp_code wait_mount(const struct lb_nydusd *d, const char *directory, const char *words,
			       struct lp_err *err)
{
	uint64_t end_ns = lp_now_ns() + MOUNT_NS;

	while (!is_mount(d->mount, directory)) {
		struct pollfd ended = {d->process.pidfd, POLLIN, 0};

		if (poll(&ended, 1, TRY_MS) == 1 || lp_now_ns() > end_ns)
			return lp_fail(err, LP_EREMOTE, LP_NO_OFFSET, NULL,
				       "nydusd does not mount; see %s", words);
	}
	return LP_OK;
}

enum lp_code lb_nydusd_start(struct lb_nydusd *d, const struct lb_programs *p,
			     const struct lb_nydusd_options *o, const char *directory,
			     struct lp_err *err)
{
	char config[600], words[600];
	struct lb_args a = {.n = 0};

	*d = (struct lb_nydusd){.process = {.pidfd = -1, .out = -1, .events = -1}};
	snprintf(config, sizeof(config), "%s/nydusd.json", directory);
	snprintf(words, sizeof(words), "%s/nydusd.log", directory);
	if (write_config(o, directory, config, err))
		return err->code;
	snprintf(d->mount, sizeof(d->mount), "%s/mount", directory);
	if (mkdir(d->mount, 0755))
		return lp_fail_errno(err, "mkdir %s", d->mount);
	lb_args_add(&a, "%s/nydusd", p->peers);
	lb_args_add(&a, "fuse");
	lb_args_add(&a, "--config=%s", config);
	lb_args_add(&a, "--bootstrap=%s", o->boot);
	lb_args_add(&a, "--mountpoint=%s", d->mount);
	lb_args_add(&a, "--apisock=%s/api.sock", directory);
	lb_args_add(&a, "--rlimit-nofile=0");
	lb_args_add(&a, "--log-level=warn");
	if (lb_process_start(&d->process, &a, words, false, err) ||
	    wait_mount(d, directory, words, err)) {
		lb_nydusd_free(d);
		return err->code;
	}
	return LP_OK;
}

void lb_nydusd_free(struct lb_nydusd *d)
{
	struct lb_cost cost = {0};

	if (!d->mount[0])
		return;
	umount2(d->mount, MNT_DETACH);
	if (d->process.pid > 0) {
		kill(d->process.pid, SIGTERM);
		lb_process_end(&d->process, &cost);
	}
	lb_process_free(&d->process);
	*d = (struct lb_nydusd){.process = {.pidfd = -1, .out = -1, .events = -1}};
}
