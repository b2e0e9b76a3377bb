// SPDX-License-Identifier: MIT
/* The first byte chooses the parser, the rest is the document. */
#include "oci/archive.h"
#include "oci/config.h"
#include "oci/index.h"
#include "oci/manifest.h"
#include "oci/reference.h"

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static void try_manifest(const void *p, size_t n)
{
	LP_AUTO(lp_manifest_free) struct lp_manifest m = {0};
	LP_AUTO(lp_buf_free) struct lp_buf out = {0};
	struct lp_err err;

	/* What was accepted can be written, and read again. */
	if (lp_manifest_parse(p, n, "application/vnd.oci.image.manifest.v1+json", &m, &err) ||
	    lp_manifest_print(&m, &out, &err))
		return;
	lp_manifest_free(&m);
	if (lp_manifest_parse(out.p, out.len, NULL, &m, &err))
		abort();
}

static void try_index(const void *p, size_t n)
{
	LP_AUTO(lp_index_free) struct lp_index ix = {.document = NULL};
	LP_AUTO(lp_buf_free) struct lp_buf out = {0};
	struct lp_platform want = {.os = "linux", .arch = "arm", .variant = "v7"};
	struct lp_candidates c;
	struct lp_err err;

	if (lp_index_parse(p, n, NULL, &ix, &err) ||
	    lp_index_choose(&ix, &want, LP_KIND_NYDUS, &c, &err))
		return;
	if (!c.n || lp_index_add(&ix, c.entry[c.n - 1].json, &err) ||
	    (lp_index_print(&ix, &out, &err) && err.code != LP_ELIMIT))
		abort();
}

static void try_config(const void *p, size_t n)
{
	LP_AUTO(lp_config_free) struct lp_config c = {0};
	LP_AUTO(lp_buf_free) struct lp_buf out = {0};
	struct lp_digest id = {.alg = LP_SHA256};
	struct lp_err err;

	if (lp_config_parse(p, n, &c, &err) || lp_config_rewrite(&c, &id, 1, &out, &err))
		return;
	lp_config_free(&c);
	if (lp_config_parse(out.p, out.len, &c, &err) || c.ndiffid != 1)
		abort();
}

static void try_reference(const void *p, size_t n)
{
	LP_AUTO(lp_buf_free) struct lp_buf text = {0};
	struct lp_reference r = {0}, again = {0};
	char canonical[LP_REFERENCE_TEXT];
	struct lp_err err;

	if (lp_buf_add(&text, p, n, SIZE_MAX, &err) || lp_buf_add(&text, "", 1, SIZE_MAX, &err) ||
	    lp_reference_parse((const char *)text.p, &r, &err))
		return;
	lp_reference_text(&r, canonical);
	if (lp_reference_parse(canonical, &again, &err) || memcmp(&r, &again, sizeof(r)))
		abort();
}

static void try_archive(const void *p, size_t n)
{
	LP_AUTO(lp_archive_free) struct lp_archive a = {0};
	LP_AUTO(lp_fd_close) int fd = memfd_create("tar", MFD_CLOEXEC);
	struct lp_err err;

	if (fd < 0 || lp_file_write(fd, p, n, &err) || lp_archive_open(&a, fd, &err))
		return;
	for (size_t i = 0; i < a.n; i++)
		if (a.member[i].off > n || a.member[i].bytes > n - a.member[i].off)
			abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	static void (*const tries[])(const void *p, size_t n) = {
		try_manifest, try_index, try_config, try_reference, try_archive,
	};

	if (n)
		tries[data[0] % 5](data + 1, n - 1);
	return 0;
}
