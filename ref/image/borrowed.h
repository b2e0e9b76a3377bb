/* SPDX-License-Identifier: MIT */
/*
 * borrowed - blobs that an image's metadata needs and its manifest does not list.
 *
 * A Nydus image that was built with a chunk dictionary may name the dictionary's blobs in an
 * annotation of its last layer, nydus-reference-blob-ids, alone; one that is an index of legacy
 * layers (zran) names each in the annotation nydus-ref of the layer with its contexts.  They
 * lie in the same repository.  spec/rafs.md 1.1, 1.2
 */
#ifndef LP_BORROWED_H
#define LP_BORROWED_H

#include "image/image.h"

/*
 * lp_borrowed_find - look for them, into @i->borrowed; most images have none.
 *
 * One that is not there is left out: whether it is needed the metadata says.
 *
 * LP_EFORMAT  image.borrowed.list, json.*, oci.descriptor.digest     LP_EREMOTE
 */
LP_MUST_CHECK enum lp_code lp_borrowed_find(struct lp_image *i, struct lp_err *err);

#endif
