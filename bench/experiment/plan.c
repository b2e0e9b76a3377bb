// SPDX-License-Identifier: MIT
#include "experiment/plan.h"

#include "base/log.h"
#include "experiment/summary.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

__attribute__((format(printf, 2, 3)))
static void skip(struct lb_plan *p, const char *fmt, ...)
{
	char text[400];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	lp_log_say("lazybench", "skipped: %s", text);
	json_array_append_new(p->skipped, json_string(text));
}

static bool listed(const struct lp_option_list *l, const char *word)
{
	for (size_t i = 0; i < l->n; i++)
		if (!strcmp(l->text[i], word))
			return true;
	return !l->n;
}

static enum lp_code check_systems(const struct lb_run_options *o, struct lp_err *err)
{
	for (size_t i = 0; i < o->systems.n; i++)
		if (!lb_system_find(o->systems.text[i]))
			return lp_fail(err, LP_EUSAGE, LP_NO_OFFSET, NULL,
				       "no system is called \"%s\"; see lazybench systems",
				       o->systems.text[i]);
	return LP_OK;
}

static enum lp_code add_cell(struct lb_plan *p, const struct lb_prepared *image,
			     const struct lb_task *task, const struct lb_system *system,
			     struct lp_err *err)
{
	const struct lb_form *form = lb_prepared_form(image, system->tag);
	struct lb_cell *c = &p->cell[p->ncell];

	if (!form) {
		skip(p, "%s on %s: the registry has no %s:%s", system->name,
		     image->workload.name, image->workload.name, system->tag);
		return LP_OK;
	}
	if (p->ncell == LB_CELLS_MAX)
		return lp_fail(err, LP_ELIMIT, LP_NO_OFFSET, NULL, "more than %d cells",
			       LB_CELLS_MAX);
	*c = (struct lb_cell){.image = &image->workload, .task = task, .system = system,
			      .form = form};
	snprintf(c->name, sizeof(c->name), "%s/%s %s", image->workload.name, task->name,
		 system->name);
	p->ncell++;
	return LP_OK;
}

/* No tasks asked for: the first one of each image. */
static bool wanted(const struct lb_run_options *o, const struct lb_workload *w, size_t task)
{
	return o->tasks.n ? listed(&o->tasks, w->task[task].name) || listed(&o->tasks, "all") :
	       task == 0;
}

static enum lp_code add_image(struct lb_plan *p, struct lb_lab *l, const struct lb_run_options *o,
			      const struct lb_prepared *image, struct lp_err *err)
{
	const struct lb_system *s;

	for (size_t t = 0; t < image->workload.ntask; t++) {
		if (!wanted(o, &image->workload, t))
			continue;
		for (size_t i = 0; (s = lb_system_at(i)); i++) {
			const char *bring = s->family->missing(&l->programs);

			if (s->warm || !listed(&o->systems, s->name))
				continue;
			if (bring)
				skip(p, "%s is not here: %s", s->name, bring);
			else if (add_cell(p, image, &image->workload.task[t], s, err))
				return err->code;
		}
	}
	return LP_OK;
}

static enum lp_code prepare(struct lb_plan *p, struct lb_lab *l, const char *name,
			    struct lp_err *err)
{
	enum lp_code code;

	if (p->nimage == LB_IMAGES_MAX)
		return lp_fail(err, LP_ELIMIT, LP_NO_OFFSET, NULL, "more than %d images",
			       LB_IMAGES_MAX);
	code = lb_prepare(l, name, &p->image[p->nimage], err);
	if (!code)
		p->nimage++;
	else
		lb_prepared_free(&p->image[p->nimage]);
	return code;
}

/* The control needs the smallest image, measured or not. */
static enum lp_code add_control(struct lb_plan *p, struct lb_lab *l, struct lp_err *err)
{
	const struct lb_system *control = lb_system_find(LB_CONTROL);
	const struct lb_prepared *image = NULL;
	struct lp_err why;

	for (size_t i = 0; i < p->nimage; i++)
		if (!strcmp(p->image[i].workload.name, LB_CONTROL_IMAGE))
			image = &p->image[i];
	if (!image && prepare(p, l, LB_CONTROL_IMAGE, &why)) {
		skip(p, "the control cell: %s (corpora/make.py %s)", why.msg, LB_CONTROL_IMAGE);
		return LP_OK;
	}
	if (!image)
		image = &p->image[p->nimage - 1];
	return add_cell(p, image, &image->workload.task[0], control, err);
}

enum lp_code lb_plan_make(struct lb_plan *p, struct lb_lab *l, const struct lb_run_options *o,
			  struct lp_err *err)
{
	p->skipped = json_array();
	if (check_systems(o, err))
		return err->code;
	for (size_t i = 0; i < o->images.n; i++) {
		enum lp_code code = prepare(p, l, o->images.text[i], err);

		if (code == LP_EMISSING)
			skip(p, "image %s: corpora/make.py %s", o->images.text[i],
			     o->images.text[i]);
		else if (code || add_image(p, l, o, &p->image[p->nimage - 1], err))
			return err->code;
	}
	if (!p->ncell)
		return lp_fail(err, LP_EMISSING, LP_NO_OFFSET, NULL, "there is nothing to run");
	return add_control(p, l, err);
}

void lb_plan_free(struct lb_plan *p)
{
	for (size_t i = 0; i < p->nimage; i++)
		lb_prepared_free(&p->image[i]);
	lp_json_free(&p->skipped);
	p->nimage = p->ncell = 0;
}

/* One run that must be right; its output is what later ones are held to. */
static enum lp_code reference_run(struct lb_lab *l, const struct lb_cell *c,
				  struct lp_digest *output, struct lp_err *err)
{
	LP_AUTO(lb_trial_free) struct lb_trial t = {.valid = false};

	lp_log_say("lazybench", "reference run: %s", c->name);
	if (lb_trial_run(l, c, &t, err))
		return err->code;
	if (!t.valid)
		return lp_fail(err, LP_EREMOTE, LP_NO_OFFSET, NULL, "reference run %.150s: %s",
			       c->name, t.why);
	*output = t.output;
	return LP_OK;
}

static enum lp_code warm_up(struct lb_lab *l, struct lb_cell *c, struct lp_err *err)
{
	LP_AUTO(lb_trial_free) struct lb_trial t = {.valid = false};
	char store[LB_PATH];

	lb_lab_path(l, "stores/warm", store);
	if (lb_remove_tree(store, err))
		return err->code;
	/* It fetches, and is invalid for that: the next one must be right. */
	return lb_trial_run(l, c, &t, err);
}

enum lp_code lb_plan_calibrate(struct lb_plan *p, struct lb_lab *l, struct lp_err *err)
{
	for (size_t i = 0; i < p->ncell; i++) {
		struct lb_cell *c = &p->cell[i];
		struct lb_cell base = *c;
		size_t same = 0;

		while (same < i && p->cell[same].task != c->task)
			same++;
		c->output = &p->output[same];
		if (c->system->warm && warm_up(l, c, err))
			return err->code;
		if (same < i)
			continue;
		base.output = NULL;
		if (!c->system->warm) {
			base.system = lb_system_find(LB_BASELINE_SYSTEM);
			base.form = &p->image[0].form[0];
			for (size_t k = 0; k < p->nimage; k++)
				if (&p->image[k].workload == c->image)
					base.form = lb_prepared_form(&p->image[k],
								     base.system->tag);
		}
		if (!base.form)
			base = *c;
		if (reference_run(l, &base, &p->output[same], err))
			return err->code;
	}
	return LP_OK;
}

static json_t *cell_json(const struct lb_cell *c)
{
	json_t *o = json_object();
	char ready[200];

	lb_task_ready_text(c->task, ready, sizeof(ready));
	lb_set_word(o, "name", c->name);
	lb_set_word(o, "image", c->image->name);
	lb_set_word(o, "task", c->task->name);
	lb_set_word(o, "ready", ready);
	lb_set_word(o, "system", c->system->name);
	lb_set_word(o, "form", c->system->tag);
	lb_set_word(o, "digest", c->form->digest);
	lb_set_number(o, "layer_bytes", c->form->layer_bytes);
	return o;
}

json_t *lb_plan_json(const struct lb_plan *p)
{
	json_t *o = json_object(), *cells = json_array();

	for (size_t i = 0; i < p->ncell; i++)
		json_array_append_new(cells, cell_json(&p->cell[i]));
	json_object_set_new(o, "cells", cells);
	json_object_set(o, "skipped", p->skipped);
	return o;
}
