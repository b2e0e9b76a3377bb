// SPDX-License-Identifier: MIT
#include "mount/watchdog.h"

#include "base/file.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define RULE "mount.control.message"

/* What the next program is to have open as well; -1 in, -1 out. */
static json_t *leave_open(int fd)
{
	return json_integer(fd >= 0 && !fcntl(fd, F_SETFD, 0) ? fd : -1);
}

static json_t *print_record(const struct lp_kept_record *r)
{
	json_t *fds = json_array();

	for (size_t i = 0; i < r->nfd; i++)
		json_array_append_new(fds, leave_open(r->fd[i]));
	return json_pack("{s:O, s:o}", "document", r->document, "fds", fds);
}

static enum lp_code print(const struct lp_watchdog *w, struct lp_buf *text, struct lp_err *err)
{
	LP_AUTO(lp_json_free) json_t *j = NULL;
	json_t *records = json_array();

	for (const struct lp_kept_record *r = w->kept.first; r; r = r->next)
		json_array_append_new(records, print_record(r));
	j = json_pack("{s:o, s:o, s:o, s:I, s:s, s:o}", "lock", leave_open(w->lock), "listen",
		      leave_open(w->listen), "group", leave_open(w->group), "highest",
		      (json_int_t)w->page->gate.highest, "no_group", w->no_group, "records",
		      records);
	if (!j)
		return lp_fail(err, LP_ESYSTEM, LP_NO_OFFSET, NULL, "memory ran out");
	return lp_json_print(j, text, SIZE_MAX / 2, err);
}

void lp_watchdog_again(struct lp_watchdog *w, const char *program, struct lp_err *err)
{
	LP_AUTO(lp_buf_free) struct lp_buf text = {0};
	LP_AUTO(lp_fd_close) int fd = -1;
	char name[] = "lazypull", command[] = "keeper", store[sizeof(w->store->path) + 16], from[32];
	char *argv[] = {name, command, store, from, NULL};

	if (print(w, &text, err) || lp_wire_memfd(text.p, text.len, &fd, err))
		return;
	fcntl(fd, F_SETFD, 0);
	snprintf(store, sizeof(store), "--store=%s", w->store->path);
	snprintf(from, sizeof(from), "--again=%d", fd);
	execv(program, argv);
	lp_fail_errno(err, "start %.200s", program);
}

static int take_fd(const json_t *number)
{
	int fd = (int)json_integer_value(number);

	return fd >= 0 && !fcntl(fd, F_SETFD, FD_CLOEXEC) ? fd : -1;
}

static enum lp_code recall_record(struct lp_watchdog *w, const json_t *j, struct lp_err *err)
{
	json_t *document = json_object_get(j, "document");
	const json_t *numbers = json_object_get(j, "fds");
	struct lp_packet fds = {.nfd = json_array_size(numbers)};

	if (fds.nfd > LP_WIRE_FDS)
		return lp_fail(err, LP_EFORMAT, LP_NO_OFFSET, RULE, "a record of %zu descriptors",
			       fds.nfd);
	for (size_t i = 0; i < fds.nfd; i++)
		fds.fd[i] = take_fd(json_array_get(numbers, i));
	if (!lp_kept_take(&w->kept, document, &fds))
		return lp_fail(err, LP_EFORMAT, LP_NO_OFFSET, RULE, "a record without a key");
	return LP_OK;
}

enum lp_code lp_watchdog_recall(struct lp_watchdog *w, int again, struct lp_err *err)
{
	LP_AUTO(lp_map_free) struct lp_map map = {0};
	LP_AUTO(lp_json_free) json_t *j = NULL;
	LP_AUTO(lp_fd_close) int fd = again;
	const char *why;
	const json_t *one;
	size_t i;

	if (lp_map_fd(&map, fd, err) || lp_json_parse(map.p, map.bytes, RULE, &j, err))
		return err->code;
	w->lock = take_fd(json_object_get(j, "lock"));
	w->listen = take_fd(json_object_get(j, "listen"));
	w->group = take_fd(json_object_get(j, "group"));
	w->page->gate.highest = (uint32_t)json_integer_value(json_object_get(j, "highest"));
	why = json_string_value(json_object_get(j, "no_group"));
	snprintf(w->no_group, sizeof(w->no_group), "%s", why ? why : "");
	json_array_foreach(json_object_get(j, "records"), i, one)
		if (recall_record(w, one, err))
			return err->code;
	if (w->lock < 0 || w->listen < 0)
		return lp_fail(err, LP_EFORMAT, LP_NO_OFFSET, RULE, "no store is held");
	if (w->group >= 0)
		lp_gate_deny(w->group, &w->page->gate);
	return LP_OK;
}
