// SPDX-License-Identifier: MIT
#include "experiment/session.h"

#include "base/file.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#define TEXT_MAX ((size_t)1 << 20)

static json_t *words(const struct lp_option_list *l)
{
	json_t *list = json_array();

	for (size_t i = 0; i < l->n; i++)
		json_array_append_new(list, json_string(l->text[i]));
	return list;
}

/* The strings stay those of the session's line, which lives as long as the session. */
static void read_words(const json_t *session, const char *key, struct lp_option_list *out)
{
	const json_t *list = json_object_get(session, key);

	out->n = 0;
	for (size_t i = 0; i < json_array_size(list) && i < LP_OPTION_LIST; i++)
		out->text[out->n++] = json_string_value(json_array_get(list, i));
}

enum lp_code lb_session_load(struct lb_session *s, struct lb_run_options *o, struct lp_err *err)
{
	const json_t *line;

	*s = (struct lb_session){.record = {.fd = -1}};
	if (!o->resume)
		return LP_OK;
	if (lb_record_load(o->resume, &s->lines, err))
		return err->code;
	line = json_array_get(s->lines, 0);
	if (strcmp(lb_word(line, "experiment"), o->experiment) != 0)
		return lp_fail(err, LP_EUSAGE, LP_NO_OFFSET, NULL,
			       "%s is of the experiment \"%s\"", o->resume,
			       lb_word(line, "experiment"));
	read_words(line, "images", &o->images);
	read_words(line, "systems", &o->systems);
	read_words(line, "tasks", &o->tasks);
	read_words(line, "contests", &o->contests);
	o->n = lb_number(line, "n");
	o->warmup = lb_number(line, "warmup");
	o->seed = lb_number(line, "seed");
	o->lab.registry = json_string_value(json_object_get(line, "registry"));
	return LP_OK;
}

static json_t *session_line(const struct lb_session *s, const struct lb_run_options *o,
			    const char *peers, const char *started, json_t *plan)
{
	struct lp_option_list argv = {.n = 0};

	for (int i = 0; i < o->argc && i < LP_OPTION_LIST; i++)
		argv.text[argv.n++] = o->argv[i];
	lb_set_word(plan, "kind", "session");
	lb_set_word(plan, "schema", "lazybench/1");
	lb_set_word(plan, "experiment", o->experiment);
	lb_set_word(plan, "fingerprint", s->fingerprint);
	lb_set_word(plan, "started_utc", started);
	lb_set_number(plan, "n", o->n);
	lb_set_number(plan, "warmup", o->warmup);
	lb_set_number(plan, "seed", o->seed);
	lb_set_word(plan, "registry", o->lab.registry);
	json_object_set_new(plan, "images", words(&o->images));
	json_object_set_new(plan, "systems", words(&o->systems));
	json_object_set_new(plan, "tasks", words(&o->tasks));
	json_object_set_new(plan, "argv", words(&argv));
	json_object_set(plan, "environment", s->environment);
	json_object_set(plan, "now", s->now);
	if (strcmp(o->experiment, "hello") != 0)
		json_object_set_new(plan, "peers", lb_environment_peers(peers));
	return plan;
}

static enum lp_code save_environment(const struct lb_session *s, const char *directory,
				     struct lp_err *err)
{
	LP_AUTO(lp_buf_free) struct lp_buf text = {0};
	char path[LB_PATH];

	lb_path(path, "%s/env.json", directory);
	if (lp_json_print(s->environment, &text, TEXT_MAX, err) ||
	    lp_buf_add(&text, "\n", 1, TEXT_MAX + 1, err))
		return err->code;
	return lp_file_save(AT_FDCWD, path, text.p, text.len, err);
}

static enum lp_code begin_anew(struct lb_session *s, const struct lb_run_options *o,
			       const char *peers, json_t *plan, struct lp_err *err)
{
	LP_AUTO(lp_json_free) json_t *own = plan;
	char directory[LB_PATH], path[LB_PATH], started[32];
	time_t now = time(NULL);
	struct tm utc;

	gmtime_r(&now, &utc);
	strftime(started, sizeof(started), "%Y%m%dT%H%M%SZ", &utc);
	lb_path(directory, "%s/%s", o->results ? o->results : "results", s->fingerprint);
	lb_path(path, "%s/%s-%s.jsonl", directory, started, lb_word(s->now, "commit"));
	if (lb_make_directory(directory, err) || save_environment(s, directory, err) ||
	    lb_record_open(&s->record, path, err))
		return err->code;
	return lb_record_add(&s->record, json_incref(session_line(s, o, peers, started, own)), err);
}

enum lp_code lb_session_begin(struct lb_session *s, const struct lb_lab *l,
			      const struct lb_run_options *o, json_t *plan, struct lp_err *err)
{
	LP_AUTO(lp_json_free) json_t *own = plan;
	const json_t *line = json_array_get(s->lines, 0);

	if (!own)
		return lp_fail(err, LP_ESYSTEM, LP_NO_OFFSET, NULL, "memory ran out");
	if (lb_environment(l->work, &s->environment, s->fingerprint, err) ||
	    lb_environment_now(l->work, l->programs.lazypull, &s->now, err))
		return err->code;
	if (!line)
		return begin_anew(s, o, l->programs.peers, json_incref(own), err);
	if (strcmp(lb_word(line, "fingerprint"), s->fingerprint) != 0)
		return lp_fail(err, LP_EUSAGE, LP_NO_OFFSET, NULL,
			       "%s comes from another machine: fingerprint %s, not %s", o->resume,
			       lb_word(line, "fingerprint"), s->fingerprint);
	return lb_record_open(&s->record, o->resume, err);
}

void lb_session_free(struct lb_session *s)
{
	lb_record_free(&s->record);
	lp_json_free(&s->lines);
	lp_json_free(&s->environment);
	lp_json_free(&s->now);
}

bool lb_session_has(const struct lb_session *s, const char *kind, const char *cell,
		    uint64_t round)
{
	for (size_t i = 1; i < json_array_size(s->lines); i++) {
		const json_t *line = json_array_get(s->lines, i);

		if (!strcmp(lb_word(line, "kind"), kind) && lb_number(line, "round") == round &&
		    !strcmp(lb_word(line, "cell"), cell))
			return true;
	}
	return false;
}
