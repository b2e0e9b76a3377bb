/* SPDX-License-Identifier: MIT */
/*
 * dict - another image whose chunks an image need not store again (--chunk-dict).
 *
 *	its last layer --sandboxed child: dictionary()--> a file, mapped --> builds
 *	blobs of it that the new image needs --lend--> layers of the new image, and their bytes
 *
 * The new image stands by itself: its repository, or its layout, has all of its blobs.
 */
#ifndef LP_DICT_H
#define LP_DICT_H

#include "base/file.h"
#include "image/convert.h"

/*
 * lp_dict_load - what o->dict has, for builds of o->to with o->build.
 *
 * @out  mapped; lp_map_free() in any case, behind the builds
 *
 * LP_EFORMAT  image.dict.format: an image of another format.  Errors of lp_parse_run(), of the
 *             format: above all that the image is unlike the new one
 */
LP_MUST_CHECK enum lp_code lp_dict_load(const struct lp_convert_options *o, struct lp_map *out,
					struct lp_err *err);

/*
 * lp_dict_lend - keep in @to and append to @m and @diffid what @dict has of the blobs @needs.
 *
 * @needs   of struct lp_digest; those that are layers of @m already are passed over
 * @diffid  [m->nlayer]; as @m->layer, with room for the layers of @dict
 * @last    gets a note of what was lent
 *
 * LP_EFORMAT  image.dict.blob: no layer of @dict is that blob.  Errors of the target
 */
LP_MUST_CHECK enum lp_code lp_dict_lend(struct lp_image *dict, struct lp_target *to,
					const struct lp_buf *needs, struct lp_manifest *m,
					struct lp_digest *diffid, struct lp_descriptor *last,
					struct lp_err *err);

#endif
