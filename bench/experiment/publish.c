// SPDX-License-Identifier: MIT
/* publish - `lazybench publish`: put images, in every form, where others can measure them. */
#include "command.h"
#include "experiment/prepare.h"

#include "base/log.h"
#include "base/option.h"

#include <string.h>

#define WORDS_MAX ((size_t)1 << 20)

struct args {
	struct lb_lab_options lab;
	const char *to;
};

#define AT(member) offsetof(struct args, member)

static const struct lp_option table[] = {
	{"to", 0, LP_OPT_TEXT, AT(to), "HOST/NAMESPACE", "the registry: NAMESPACE/IMAGE:FORM there"},
	{"work", 0, LP_OPT_TEXT, AT(lab.work), "DIR", "stores and images (build/bench)"},
	{"corpora", 0, LP_OPT_TEXT, AT(lab.corpora), "DIR", "(build/corpora)"},
	{"lazypull", 0, LP_OPT_TEXT, AT(lab.lazypull), "FILE", "(the one beside lazybench)"},
	{0},
};

static const struct lp_usage usage = {
	"lazybench publish", "IMAGE...", "Push images in every form that systems measure.", table,
	LP_OPT_PERMUTE, 1, -1,
};

static enum lp_code push(const struct lb_lab *l, const char *image, const char *form,
			 const char *to, struct lp_err *err)
{
	LP_AUTO(lp_buf_free) struct lp_buf out = {0};
	struct lb_args a = {.n = 0};

	lp_log_say("lazybench", "%s/%s:%s", to, image, form);
	lb_args_add(&a, "%s", l->programs.lazypull);
	lb_args_add(&a, "push");
	lb_args_add(&a, "oci:%s/registry/%s:%s", l->work, image, form);
	lb_args_add(&a, "docker://%s/%s:%s", to, image, form);
	return lb_capture(&a, WORDS_MAX, &out, NULL, err);
}

static enum lp_code publish(struct lb_lab *l, const char *image, const char *to,
			    struct lp_err *err)
{
	LP_AUTO(lb_prepared_free) struct lb_prepared p = {.there = {false}};

	if (lb_prepare(l, image, &p, err))
		return err->code;
	for (size_t i = 0; i < LB_FORMS; i++)
		if (push(l, image, lb_forms[i], to, err))
			return err->code;
	return LP_OK;
}

static enum lp_code run(const struct args *a, int argc, char **argv, int operand,
			struct lp_err *err)
{
	LP_AUTO(lb_lab_free) struct lb_lab lab = {.registry = {.pidfd = -1}};

	if (!a->to)
		return lp_fail(err, LP_EUSAGE, LP_NO_OFFSET, NULL, "say where to: --to=HOST/NS");
	if (lb_lab_open(&lab, &a->lab, err))
		return err->code;
	for (int i = operand; i < argc; i++)
		if (publish(&lab, argv[i], a->to, err))
			return err->code;
	return LP_OK;
}

int lb_cmd_publish(int argc, char **argv)
{
	struct args a = {.to = NULL};
	struct lp_err err;
	int operand;
	bool help;

	if (!lp_option_parse(&usage, argc, argv, &a, &operand, &help, &err)) {
		if (help) {
			lp_option_help(&usage, stdout);
			return 0;
		}
		if (!run(&a, argc, argv, operand, &err))
			return 0;
	}
	lp_log_failure("lazybench", &err, false);
	return lp_exit_status(err.code);
}
