/* SPDX-License-Identifier: MIT */
/*
 * ruin - one store on a disk of its own, mounts of one image from it, and readers in them: what
 * a fault happens to, and what is counted.
 *
 *	begin, mount, read ... fault ... heal, end
 *
 * All counts are members of @out: "files" that were right, "errors" that a reader may see, and
 * what has to be 0 (lb_ruin_zero).  A command that fails although nothing allows it to is
 * "refused"; a file that cannot be read once the fault is over is "unhealed"; processes, mounts,
 * files below tmp/ and whatever keeps the disk busy, super blocks among them, are "left".  A
 * mark of fanotify ends with the last process that has its group.
 */
#ifndef LB_RUIN_H
#define LB_RUIN_H

#include "experiment/disk.h"
#include "experiment/prepare.h"
#include "experiment/readers.h"

#include "base/json.h"

struct lb_ruin {
	struct lb_lab *lab;			/* borrowed */
	const struct lb_form *form;		/* borrowed: of the image */
	const struct lb_reference *reference;	/* borrowed */
	bool kernel;				/* --mount=kernel; else fuse */
	uint64_t timeout_s;			/* --read-timeout */
	uint64_t limit_s;			/* a read that takes longer hangs */
	unsigned short random[3];		/* of nrand48() */
	json_t *out;				/* borrowed */
	/* {0} until it begins: */
	struct lb_disk disk;
	struct lb_readers readers;
	char store[LB_PATH];
	size_t nmount;
};

extern const char *const lb_ruin_count[], *const lb_ruin_zero[];

/* Milliseconds below @most, by chance. */
uint64_t lb_ruin_chance(struct lb_ruin *s, uint64_t most);

/* Make disk and store, and pull the image's metadata. */
LP_MUST_CHECK enum lp_code lb_ruin_begin(struct lb_ruin *s, struct lp_err *err);

/* `timeout 120 lazypull VERB --store=STORE`, to which operands are added. */
void lb_ruin_command(const struct lb_ruin *s, const char *verb, struct lb_args *out);

/* Run @n commands at once; those that fail or do not end are counted. */
LP_MUST_CHECK enum lp_code lb_ruin_run(struct lb_ruin *s, const struct lb_args *a, size_t n,
					struct lp_err *err);

/* The command that mounts the image at place @i, which is made; its path. */
LP_MUST_CHECK enum lp_code lb_ruin_mounting(struct lb_ruin *s, size_t i, struct lb_args *out,
					     struct lp_err *err);
void lb_ruin_place(const struct lb_ruin *s, size_t i, char out[static LB_PATH]);

/* Mount it at places 0 to @n - 1, all at once; unmount them, all at once. */
LP_MUST_CHECK enum lp_code lb_ruin_mount(struct lb_ruin *s, size_t n, struct lp_err *err);
LP_MUST_CHECK enum lp_code lb_ruin_unmount(struct lb_ruin *s, struct lp_err *err);

/* What `lazypull status --json` says. */
LP_MUST_CHECK enum lp_code lb_ruin_status(const struct lb_ruin *s, json_t **out,
					   struct lp_err *err);

/* Start @n readers, reader i at place i modulo the mounts, of one file in @share each. */
LP_MUST_CHECK enum lp_code lb_ruin_read(struct lb_ruin *s, size_t n, size_t share,
					 struct lp_err *err);

/*
 * lb_ruin_settle - wait for the readers to end, and count what they saw.
 *
 * @whole  they must have read all of their files
 *
 * LP_EREMOTE: they have not, though none of them hangs
 */
LP_MUST_CHECK enum lp_code lb_ruin_settle(struct lb_ruin *s, bool whole, struct lp_err *err);

/* The fault is over: every file must be readable in every mount; @n readers. */
LP_MUST_CHECK enum lp_code lb_ruin_heal(struct lb_ruin *s, struct lp_err *err);

/* Wait until nobody is behind the store any more; processes that stay are "left", and end. */
void lb_ruin_wait(struct lb_ruin *s);

/* Unmount, wait, and count what is left; the disk goes. */
LP_MUST_CHECK enum lp_code lb_ruin_end(struct lb_ruin *s, struct lp_err *err);

/* The same after a failure: nothing is counted. */
void lb_ruin_free(struct lb_ruin *s);

#endif
