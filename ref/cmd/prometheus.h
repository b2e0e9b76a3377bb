/* SPDX-License-Identifier: MIT */
/*
 * prometheus - what the keeper tells about itself, in Prometheus's text format.
 *
 * Names are lazypull_*, times in seconds.  A mount has a number of its own, since two may be at
 * one place; a device that several mounts use is told once.
 *
 * Specification: Prometheus, "Exposition formats", text-based format 0.0.4
 */
#ifndef LP_PROMETHEUS_H
#define LP_PROMETHEUS_H

#include <jansson.h>
#include <stdio.h>

/* @status as mount/status.h says; keeper 0: there is none. */
void lp_prometheus_print(const json_t *status, FILE *out);

#endif
