/* SPDX-License-Identifier: MIT */
/*
 * scene - one image, local in several ways, and passes over it: the same files, seen through
 * different file systems.
 *
 *	WORK/stores/scan/NAME/complete   every byte of the eStargz form, and the layers unpacked
 *	WORK/stores/scan/NAME/marked     one chunk, in the middle of the largest layer, is absent
 *	WORK/stores/scan/NAME/list       sizes and names of the files, for random reads
 *
 * Both sides of a comparison lie on one file system, and were written one after the other.
 */
#ifndef LB_SCENE_H
#define LB_SCENE_H

#include "experiment/prepare.h"

struct lb_scene {
	struct lb_lab *lab;
	const struct lb_prepared *image;
	char complete[LB_PATH], marked[LB_PATH], list[LB_PATH];
	char hole[LB_PATH];	/* the file that has the absent chunk */
	uint64_t entries, bytes;	/* what everybody must see */
	uint64_t hole_bytes;
};

/*
 * lb_scene_prepare - make the stores anew.
 *
 * @l, @image  borrowed
 *
 * LP_EREMOTE  a step failed
 */
LP_MUST_CHECK enum lp_code lb_scene_prepare(struct lb_scene *s, struct lb_lab *l,
					    const struct lb_prepared *image, struct lp_err *err);

/*
 * lb_scene_cold - nothing of any image in the page cache, our own programs in it.
 *
 * @form  its blobs are in memory as well, for the registry to serve; NULL: none
 *
 * LP_EREMOTE  it was not cold, and may not be measured    LP_ESYSTEM  not root
 */
LP_MUST_CHECK enum lp_code lb_scene_cold(const struct lb_scene *s, const struct lb_form *form,
					 struct lp_err *err);

/* A mount, without prefetch and background. */
struct lb_view {
	const char *store, *reference;
	const char *mode;		/* "kernel", "fuse", "extract" */
	char at[LB_PATH];		/* out: where */
};

LP_MUST_CHECK enum lp_code lb_scene_mount(const struct lb_scene *s, struct lb_view *v,
					  struct lp_err *err);

/* Unmount, and wait for whoever served it. */
LP_MUST_CHECK enum lp_code lb_scene_umount(const struct lb_scene *s, const struct lb_view *v,
					   struct lp_err *err);

/* LP_EREMOTE: nothing is absent from the only mount of @v's store. */
LP_MUST_CHECK enum lp_code lb_scene_incomplete(const struct lb_scene *s, const struct lb_view *v,
					       struct lp_err *err);

enum lb_pass {
	LB_PASS_FIND, LB_PASS_CAT,
	LB_PASS_BUT,		/* cat of all but the hole */
	LB_PASS_SCAN,		/* find, then cat */
	LB_PASS_RANDOM,		/* 2000 reads of 4 KiB; opening the files is "open_ns" */
	LB_PASS_IMPORT,		/* a python that imports ssl, json and sqlite3 */
};

/*
 * lb_scene_pass - one pass over the tree at @at, by a process of its own: "wall_ns" is added.
 *
 * LP_EREMOTE  it failed, or saw another number of names or bytes than it must
 */
LP_MUST_CHECK enum lp_code lb_scene_pass(const struct lb_scene *s, enum lb_pass pass,
					 const char *at, json_t *out, struct lp_err *err);

#endif
