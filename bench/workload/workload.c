// SPDX-License-Identifier: MIT
#include "workload/workload.h"

#include "base/file.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>

#define DOCUMENT_MAX ((size_t)1 << 20)	/* ours */
#define RULE NULL			/* our own document: no clause is about it */

static enum lp_code strings(const json_t *task, const char *key, const json_t **out,
			    struct lp_err *err)
{
	json_t *list;

	if (lp_json_child(task, key, JSON_ARRAY, LP_JSON_REQUIRED, RULE, &list, err))
		return err->code;
	for (size_t i = 0; i < json_array_size(list); i++)
		if (!json_is_string(json_array_get(list, i)))
			return lp_fail(err, LP_EFORMAT, LP_NO_OFFSET, RULE,
				       "%s holds more than strings", key);
	*out = list;
	return LP_OK;
}

static enum lp_code parse_ready(const json_t *task, struct lb_task *t, struct lp_err *err)
{
	const char *kind;
	uint64_t port = 0;
	json_t *o;

	if (lp_json_child(task, "ready", JSON_OBJECT, LP_JSON_REQUIRED, RULE, &o, err) ||
	    lp_json_string(o, "kind", LP_JSON_REQUIRED, RULE, &kind, err))
		return err->code;
	if (!strcmp(kind, "exit")) {
		t->ready = LB_READY_EXIT;
		return LP_OK;
	}
	if (!strcmp(kind, "line")) {
		t->ready = LB_READY_LINE;
		return lp_json_string(o, "text", LP_JSON_REQUIRED, RULE, &t->text, err);
	}
	t->ready = LB_READY_HTTP;
	if (lp_json_u64(o, "port", LP_JSON_REQUIRED, RULE, &port, err) ||
	    lp_json_string(o, "path", LP_JSON_REQUIRED, RULE, &t->path, err))
		return err->code;
	t->port = (uint16_t)port;
	if (strcmp(kind, "http") != 0 || !port || port > UINT16_MAX)
		return lp_fail(err, LP_EFORMAT, LP_NO_OFFSET, RULE, "ready is neither line, "
			       "http (with a port) nor exit");
	return LP_OK;
}

static enum lp_code parse_task(const json_t *o, struct lb_task *t, struct lp_err *err)
{
	const char *name;

	if (lp_json_string(o, "name", LP_JSON_REQUIRED, RULE, &name, err) ||
	    strings(o, "argv", &t->argv, err) || strings(o, "env", &t->env, err) ||
	    parse_ready(o, t, err))
		return err->code;
	if (strlen(name) >= sizeof(t->name))
		return lp_fail(err, LP_ELIMIT, LP_NO_OFFSET, RULE, "task name too long");
	snprintf(t->name, sizeof(t->name), "%s", name);
	return LP_OK;
}

static enum lp_code parse(struct lb_workload *w, struct lp_err *err)
{
	const char *tag;
	json_t *tasks;

	if (lp_json_string(w->document, "tag", LP_JSON_REQUIRED, RULE, &tag, err) ||
	    lp_json_child(w->document, "tasks", JSON_ARRAY, LP_JSON_REQUIRED, RULE, &tasks, err))
		return err->code;
	snprintf(w->tag, sizeof(w->tag), "%s", tag);
	w->ntask = json_array_size(tasks);
	if (!w->ntask || w->ntask > LB_TASKS_MAX)
		return lp_fail(err, LP_ELIMIT, LP_NO_OFFSET, RULE, "not 1 to %d tasks",
			       LB_TASKS_MAX);
	for (size_t i = 0; i < w->ntask; i++)
		if (parse_task(json_array_get(tasks, i), &w->task[i], err))
			return lp_within(err, "task %zu", i);
	return LP_OK;
}

enum lp_code lb_workload_load(struct lb_workload *w, const char *corpora, const char *name,
			      struct lp_err *err)
{
	LP_AUTO(lp_buf_free) struct lp_buf text = {0};
	char path[1024];

	*w = (struct lb_workload){0};
	if (strlen(name) >= sizeof(w->name) || strchr(name, '/'))
		return lp_fail(err, LP_EUSAGE, LP_NO_OFFSET, NULL, "no image is called %.60s",
			       name);
	snprintf(w->name, sizeof(w->name), "%s", name);
	snprintf(path, sizeof(path), "%s/%s.json", corpora, name);
	if (lp_file_load(AT_FDCWD, path, DOCUMENT_MAX, &text, err))
		return lp_within(err, "corpora/make.py %s has not made", name);
	if (lp_json_parse(text.p, text.len, RULE, &w->document, err) || parse(w, err))
		return lp_within(err, "%s", path);
	return LP_OK;
}

void lb_workload_free(struct lb_workload *w)
{
	lp_json_free(&w->document);
	*w = (struct lb_workload){0};
}

const struct lb_task *lb_workload_task(const struct lb_workload *w, const char *name)
{
	for (size_t i = 0; i < w->ntask; i++)
		if (!*name || !strcmp(w->task[i].name, name))
			return &w->task[i];
	return NULL;
}

void lb_task_ready_text(const struct lb_task *t, char *out, size_t n)
{
	if (t->ready == LB_READY_LINE)
		snprintf(out, n, "line \"%s\"", t->text);
	else if (t->ready == LB_READY_HTTP)
		snprintf(out, n, "http 127.0.0.1:%u%s", t->port, t->path);
	else
		snprintf(out, n, "exit");
}
