/* SPDX-License-Identifier: MIT */
/* landmark - files at the root of an eStargz layer that tell how far to prefetch. */
#ifndef LP_LANDMARK_H
#define LP_LANDMARK_H

/* Specification: stargz-snapshotter docs/estargz.md, "Prioritized Files and Landmark Files" */
#define LP_LANDMARK_PREFETCH ".prefetch.landmark"	/* what lies before it in the blob */
#define LP_LANDMARK_NONE ".no.prefetch.landmark"	/* nothing */
#define LP_LANDMARK_BODY "\x0f"

#endif
