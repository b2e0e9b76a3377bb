/* SPDX-License-Identifier: MIT */
/*
 * report - a summary printed: for people, for programs, for plots.
 */
#ifndef LB_REPORT_H
#define LB_REPORT_H

#include "experiment/summary.h"

#include <stdio.h>

/* Markdown, one table per image and task. */
void lb_report_table(const struct lb_summary *s, FILE *out);

/* One JSON object; LP_ESYSTEM. */
LP_MUST_CHECK enum lp_code lb_report_json(const struct lb_summary *s, FILE *out,
					  struct lp_err *err);

/*
 * Tab-separated, names in a comment first; times in ms; two empty lines between images and
 * tasks, as gnuplot's "index" wants.  The statistic is p95 where n allows it for all rows of
 * an image and task, else p50; rows of which neither can be printed are left out.
 *
 * @more  in and out: something was printed before this
 */
void lb_report_data(const struct lb_summary *s, bool *more, FILE *out);

#endif
