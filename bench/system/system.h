/* SPDX-License-Identifier: MIT */
/*
 * system - the systems under test: what each is called, whether it is here, how it starts a task.
 *
 * One file per family exports its rows and how to make a command of them; lazybench runs the
 * command, stamps its output and reads its phase events (design.md 10.8).  A system whose
 * programs are absent is skipped by name, with the command that would bring them.
 */
#ifndef LB_SYSTEM_H
#define LB_SYSTEM_H

#include "measure/process.h"
#include "workload/workload.h"

/* Where programs are. */
struct lb_programs {
	char lazypull[1024];
	char peers[1024];	/* a directory: $XDG_CACHE_HOME/lazypull/peers/bin */
};

/* One start of a task. */
struct lb_start {
	const struct lb_programs *programs;
	const char *reference;	/* "127.0.0.1:5000/python:esgz" */
	const struct lb_task *task;
	const char *store;	/* an absolute directory, empty and fresh unless warm */
};

struct lb_system {
	const char *name;	/* "ref/estargz/fuse+opt" */
	const char *what;
	const char *tag;	/* the form of the image: a word of lb_forms */
	bool lazy;		/* having fetched whole blobs it was not what it claims to be */
	bool warm;		/* its store is kept from run to run */
	const char *mount, *prefetch;	/* ref: the options */
	const struct lb_family *family;
};

struct lb_family {
	/* NULL: it can run; else the command that would bring it. */
	const char *(*missing)(const struct lb_programs *p);
	/* The program that the page cache must hold before a run. */
	const char *(*program)(const struct lb_programs *p);
	void (*command)(const struct lb_system *s, const struct lb_start *start,
			struct lb_args *out);
};

/* The forms in which an image lies in the registry. */
#define LB_FORM_LEGACY "legacy"
#define LB_FORM_ESTARGZ "esgz"
#define LB_FORM_OPTIMISED "opt"
#define LB_FORM_RAFS6 "rafs6"
#define LB_FORM_RAFS6_OPTIMISED "rafs6-opt"
#define LB_FORM_RAFS5 "rafs5"
#define LB_FORM_RAFS5_OPTIMISED "rafs5-opt"

extern const struct lb_system lb_ref_systems[];	/* ref.c; a row without a name ends it */

/* The i-th of all systems, or NULL. */
const struct lb_system *lb_system_at(size_t i);
const struct lb_system *lb_system_find(const char *name);

/* NULL: all @n programs of others are there; else what would bring them. */
const char *lb_programs_missing(const struct lb_programs *p, const char *const *name, size_t n);

/* @lazypull, @peers: what the options said, or NULL: beside lazybench; the cache directory. */
void lb_programs_find(struct lb_programs *p, const char *lazypull, const char *peers);

#endif
