// SPDX-License-Identifier: MIT
/* report - `lazyconf report`: results files as matrix, page, badges, or a new gate file. */
#include "run/command.h"
#include "run/gate.h"
#include "run/matrix.h"
#include "run/suite.h"

#include "base/file.h"

#include <fcntl.h>
#include <string.h>

#define PROGRAM "lazyconf"

enum form { FORM_MATRIX, FORM_FIRST };	/* FORM_FIRST + enum lc_form */

struct args {
	const char *html, *markdown, *badges, *gate;
	unsigned form;
	bool accept;
};

#define AT(member) offsetof(struct args, member)

static const struct lp_option table[] = {
	{"html", 0, LP_OPT_TEXT, AT(html), "FILE", "a page of its own, cells open their vectors"},
	{"markdown", 0, LP_OPT_TEXT, AT(markdown), "FILE", "the matrix as Markdown"},
	{"badges", 0, LP_OPT_TEXT, AT(badges), "DIR", "shields endpoints, one a format"},
	{"format", 'f', LP_OPT_CHOICE, AT(form), "matrix|" LC_FORMS, "what to print (matrix)"},
	{"accept", 0, LP_OPT_FLAG, AT(accept), NULL,
	 "write what the results say into the gate file; reasons stay"},
	{"gate", 'g', LP_OPT_TEXT, AT(gate), "FILE", "the gate file (conformance/gates/NAME.lock)"},
	{0},
};

static const struct lp_usage usage = {
	.program = PROGRAM " report", .operands = "RESULTS...",
	.what = "Compare implementations: results of lazyconf run.",
	.table = table, .order = LP_OPT_PERMUTE, .least = 1, .most = -1,
};

static enum lp_code write_page(const struct lc_matrix *m, const char *path,
			       void (*print)(const struct lc_matrix *, FILE *),
			       struct lp_err *err)
{
	FILE *f = path ? fopen(path, "we") : NULL;
	bool bad;

	if (!path)
		return LP_OK;
	if (!f)
		return lp_fail_errno(err, "create %s", path);
	print(m, f);
	bad = ferror(f);
	if (fclose(f) || bad)
		return lp_fail_errno(err, "write %s", path);
	return LP_OK;
}

static enum lp_code accept(const struct lc_matrix *m, const char *gate, struct lp_err *err)
{
	LP_AUTO(lc_gate_free) struct lc_gate old = {0};
	LP_AUTO(lp_buf_free) struct lp_buf text = {0};
	const char *name = lc_row_text(m->run[0].header, "adapter");
	char path[PATH_MAX];

	if (m->n != 1)
		return lp_fail(err, LP_EUSAGE, LP_NO_OFFSET, NULL, "--accept takes one results file");
	snprintf(path, sizeof(path), "%s%s%s", gate ? gate : "conformance/gates/",
		 gate ? "" : name, gate ? "" : ".lock");
	if (lc_gate_load(&old, path, err) && err->code != LP_EMISSING)
		return err->code;
	if (lc_gate_accept(&old, &m->run[0], &text, err))
		return err->code;
	return lp_file_put(AT_FDCWD, path, text.p, text.len, err);
}

static enum lp_code report(const struct args *a, const struct lc_matrix *m, struct lp_err *err)
{
	if (write_page(m, a->html, lc_matrix_html, err) ||
	    write_page(m, a->markdown, lc_matrix_markdown, err) ||
	    (a->badges && lc_badges(m, a->badges, err)) || (a->accept && accept(m, a->gate, err)))
		return err->code;
	if (a->form == FORM_MATRIX && !a->html && !a->markdown && !a->badges && !a->accept)
		lc_matrix_markdown(m, stdout);
	for (size_t i = 0; i < m->n && a->form != FORM_MATRIX; i++)
		if (lc_output(&m->run[i], (enum lc_form)(a->form - FORM_FIRST), stdout, err))
			return err->code;
	return LP_OK;
}

int lc_cmd_report(int argc, char **argv)
{
	LP_AUTO(lc_matrix_free) struct lc_matrix m = {0};
	struct args args = {0};
	struct lp_err err = {0};
	int operand, status;

	if (!lp_command_parse(&usage, argc, argv, &args, &operand, &status))
		return status;
	if (lc_matrix_load(&m, argv + operand, (size_t)(argc - operand), &err) ||
	    report(&args, &m, &err))
		return lc_suite_failed(&usage, &err);
	return 0;
}
