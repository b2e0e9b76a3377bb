/* SPDX-License-Identifier: MIT */
/*
 * faults - whatever dies, lies or is full: does a reader ever get a wrong byte, or wait for ever?
 *
 * Variable: the fault, and how the image is mounted.  Held fixed: the image, readers that
 * compare every byte of every file with unpacked legacy layers.  Falsified by a single wrong
 * byte, a read longer than the time-out allows, a file that stays unreadable when the fault is
 * over, or anything that is left behind.
 *
 *	worker, keeper, watchdog
 *	            killed again and again at moments that a seed chooses: 20, 5 and 2 times a
 *	            round.  FUSE mounts that die with their keeper are made again
 *	away        the registry is gone for 5 s; in odd rounds it only says nothing
 *	gone        for longer than anybody waits; it comes back for the last look
 *	bytes       each byte of every blob is wrong the first time that it is sent
 *	bodies      cut, reset, and stalled
 *	token       good for three requests
 *	full        the disk has room for a third of the image
 *	record      what the store knows to be ready is torn while nobody is there
 *	device      bytes of ready chunks change then, and `lazypull check` mends the store
 *	mounts      32 at once
 *	processes   8 commands at once, again and again, on one store
 *
 * Rounds alternate eStargz and RAFS every second time.  With n = 10, workers die 200 times.
 */
#ifndef LB_EXPERIMENT_FAULTS_H
#define LB_EXPERIMENT_FAULTS_H

#include "experiment/session.h"

/* LP_EMISSING: the image is not there.  LP_ESYSTEM: the laboratory failed. */
LP_MUST_CHECK enum lp_code lb_faults(struct lb_session *s, struct lb_run_options *o,
				     struct lp_err *err);

#endif
