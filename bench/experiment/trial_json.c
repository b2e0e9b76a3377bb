// SPDX-License-Identifier: MIT
/* trial_json - a trial as members of a results line: integers in ns, us, bytes and KiB. */
#include "experiment/trial.h"

#include "measure/record.h"

static uint64_t after(uint64_t from_ns, uint64_t to_ns)
{
	return from_ns && to_ns > from_ns ? to_ns - from_ns : 0;
}

static json_t *phases(const struct lb_watch *w)
{
	const uint64_t *e = w->event_ns;
	json_t *o = json_object();

	lb_set_number(o, "pull", after(w->begin_ns, e[LB_EV_ROOTFS]));
	lb_set_number(o, "create", after(e[LB_EV_ROOTFS], e[LB_EV_CREATED]));
	lb_set_number(o, "run", after(e[LB_EV_STARTED], w->ready_ns));
	lb_set_number(o, "ready", after(w->begin_ns, w->ready_ns));
	lb_set_number(o, "first_output", after(w->begin_ns, w->first_output_ns));
	lb_set_number(o, "exit", after(w->begin_ns, w->exit_ns));
	return o;
}

/* Since begin; what did not happen is left out. */
static json_t *events(const struct lb_watch *w)
{
	json_t *o = json_object();

	for (int e = 0; e < LB_EVENTS; e++)
		if (w->event_ns[e])
			lb_set_number(o, lb_event_word((enum lb_event)e),
				      after(w->begin_ns, w->event_ns[e]));
	return o;
}

static json_t *network(const struct lb_ledger *l)
{
	json_t *o = json_object();

	for (int p = 0; p < LB_PHASES; p++) {
		json_t *phase = json_object();

		lb_set_number(phase, "requests", l->phase[p].requests);
		lb_set_number(phase, "body_bytes", l->phase[p].body_bytes);
		json_object_set_new(o, lb_phase_word((enum lb_phase)p), phase);
	}
	lb_set_number(o, "connections", l->connections);
	lb_set_number(o, "failed", l->failed);
	lb_set_number(o, "cut", l->cut);
	return o;
}

static json_t *cost(const struct lb_cost *c)
{
	json_t *o = json_object();

	lb_set_number(o, "user_us", c->user_us);
	lb_set_number(o, "system_us", c->system_us);
	lb_set_number(o, "rss_kib", c->rss_kib);
	return o;
}

static json_t *cold(const struct lb_cold *c)
{
	json_t *o = json_object();

	lb_set_number(o, "store_entries", c->store_entries);
	lb_set_number(o, "mounts", c->mounts);
	lb_set_number(o, "witness_pages", c->witness.all);
	lb_set_number(o, "witness_resident", c->witness.resident);
	lb_set_number(o, "program_pages", c->program.all);
	lb_set_number(o, "program_resident", c->program.resident);
	lb_set_number(o, "blob_pages", c->blob.all);
	lb_set_number(o, "blob_resident", c->blob.resident);
	return o;
}

json_t *lb_trial_json(const struct lb_lab *l, const struct lb_trial *t)
{
	char text[LP_DIGEST_TEXT] = "";
	json_t *o = json_object();

	if (t->output.alg)
		lp_digest_text(&t->output, text);
	json_object_set_new(o, "valid", json_boolean(t->valid));
	lb_set_word(o, "why", t->valid ? NULL : t->why);
	json_object_set_new(o, "phase_ns", phases(&t->watch));
	json_object_set_new(o, "event_ns", events(&t->watch));
	lb_set_number(o, "begin_ns", t->watch.begin_ns);
	lb_set_number(o, "status", (uint64_t)t->watch.status);
	lb_set_word(o, "output_digest", text);
	json_object_set_new(o, "net", l->remote ? json_null() : network(&t->ledger));
	json_object_set_new(o, "client", cost(&t->watch.cost));
	json_object_set_new(o, "background", cost(&t->background));
	lb_set_number(o, "told", t->told);
	json_object_set_new(o, "cold", cold(&t->cold));
	lb_set_number(o, "pressure_us", t->pressure_us);
	return o;
}
