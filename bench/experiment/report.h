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
 * Tab-separated, a line with names first; times in ms.  The statistic is p95 where n allows
 * it for all rows, else p50; rows of which neither can be printed are left out.
 */
void lb_report_data(const struct lb_summary *s, FILE *out);

#endif
