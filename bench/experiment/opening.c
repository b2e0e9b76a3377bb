// SPDX-License-Identifier: MIT
#include "experiment/opening.h"

#include "base/log.h"
#include "experiment/contest.h"
#include "experiment/watch.h"

#include <glob.h>
#include <sys/stat.h>
#include <time.h>

#define PATIENCE_MS 10000 /* with what a job leaves behind, ours */

/*
 * The last write to meta.erofs, on the clock of events (files have the other clock, and that in
 * ticks of some ms).
 */
static enum lp_code meta_written(const char *store, uint64_t *ns, struct lp_err *err)
{
	struct timespec wall;
	uint64_t now_ns;
	char pattern[LB_PATH];
	glob_t found;
	struct stat st;
	int rc;

	lb_path(pattern, "%.1000s/images/*/meta.erofs", store);
	if (glob(pattern, GLOB_NOSORT, NULL, &found))
		return lp_fail(err, LP_EREMOTE, LP_NO_OFFSET, NULL, "no %s", pattern);
	rc = stat(found.gl_pathv[0], &st);
	globfree(&found);
	if (rc)
		return lp_fail_errno(err, "stat %s", pattern);
	now_ns = lp_now_ns();
	clock_gettime(CLOCK_REALTIME, &wall);
	*ns = now_ns - ((uint64_t)(wall.tv_sec - st.st_mtim.tv_sec) * 1000000000 +
			(uint64_t)wall.tv_nsec - (uint64_t)st.st_mtim.tv_nsec);
	return LP_OK;
}

enum lp_code lb_opening(struct lb_lab *l, const char *image, const char *tag, json_t *out,
			struct lp_err *err)
{
	LP_AUTO(lb_watch_free) struct lb_watch w = {0};
	const struct lb_task task = {.ready = LB_READY_EXIT};
	struct lb_args a = {.n = 0};
	struct lb_cost after = {0};
	char store[LB_PATH], words[LB_PATH];
	uint64_t meta_ns = 0;

	lb_lab_path(l, "stderr", words);
	if (lb_contest_fresh(l, store, err))
		return err->code;
	lb_args_add(&a, "%s", l->programs.lazypull);
	lb_args_add(&a, "pull");
	lb_args_add(&a, "--store=%s", store);
	lb_args_add(&a, "--events=%d", LB_EVENTS_FD);
	lb_args_add(&a, "oci:%s/registry/%s:%s", l->work, image, tag);
	if (lb_watch_task(&w, &task, &a, words, l->timeout_ns, err))
		return err->code;
	lb_orphans_end(l->registry.pid, PATIENCE_MS, &after);
	if (w.status || !w.event_ns[LB_EV_ROOTFS])
		return lp_fail(err, LP_EREMOTE, LP_NO_OFFSET, NULL, "pull: status %d; see %s",
			       w.status, words);
	lb_set_number(out, "wall_ns", w.exit_ns - w.begin_ns);
	if (meta_written(store, &meta_ns, err))
		return err->code;
	lb_set_number(out, "meta_ns", meta_ns - w.event_ns[LB_EV_RESOLVED]);
	lb_set_number(out, "user_us", w.cost.user_us);
	lb_set_number(out, "system_us", w.cost.system_us);
	lb_set_number(out, "rss_kib", w.cost.rss_kib);
	return LP_OK;
}
