/* SPDX-License-Identifier: MIT */
/*
 * prepare - bring an image into the registry in every form that the systems want.
 *
 *	legacy   the corpus as it is                       blobs linked, documents copied
 *	esgz     lazypull convert --to=estargz
 *	opt      the same, in the order that `lazypull record` saw for the first task
 *
 * What is there already is left alone while the corpus and the converter are the same.  In a
 * registry of somebody else nothing is made: forms that are absent are said to be.
 */
#ifndef LB_PREPARE_H
#define LB_PREPARE_H

#include "experiment/trial.h"

#define LB_FORMS 7

extern const char *const lb_forms[LB_FORMS];	/* their tags, legacy first */

/* One image, ready to be run. */
struct lb_prepared {
	struct lb_workload workload;
	struct lb_form form[LB_FORMS];
	bool there[LB_FORMS];
};

/* LP_EMISSING: corpora/make.py has not made it; LP_EREMOTE: a step failed. */
LP_MUST_CHECK enum lp_code lb_prepare(struct lb_lab *l, const char *image,
				      struct lb_prepared *out, struct lp_err *err);
/*
 * lb_prepare_plain - the image with plain tars as layers, in WORK/plain/NAME, tag "plain": for
 * writers of other people that read no other.
 *
 * @form  out; of its reference, "oci:DIR:plain"; lb_form_free() it
 */
LP_MUST_CHECK enum lp_code lb_prepare_plain(struct lb_lab *l, const struct lb_prepared *p,
					    struct lb_form *form, struct lp_err *err);

/* What @tag of a layout is: digest, layer bytes, blobs.  lb_form_free() it. */
LP_MUST_CHECK enum lp_code lb_form_describe(struct lb_form *f, const char *layout,
					    const char *tag, struct lp_err *err);
void lb_form_free(struct lb_form *f);

void lb_prepared_free(struct lb_prepared *p);

/* The form with this tag, or NULL. */
const struct lb_form *lb_prepared_form(const struct lb_prepared *p, const char *tag);

#endif
