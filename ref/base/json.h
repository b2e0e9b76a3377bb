/* SPDX-License-Identifier: MIT */
/*
 * json - strict JSON documents of bounded size, on jansson.
 *
 * For the documents of an image and for our own.  The eStargz TOC has its own pull parser,
 * format/estargz/toc.h, since it may have a million entries.
 */
#ifndef LP_JSON_H
#define LP_JSON_H

#include "base/buf.h"
#include "base/digest.h"

#include <jansson.h>

#define LP_JSON_DEPTH 32		/* design.md, "Limits": JSON depth */
#define LP_JSON_VALUES 131072		/* ours: about 32 MiB when each is an empty object */

/*
 * lp_json_parse - one JSON value, nothing behind it but white space.
 *
 * Duplicate keys, invalid UTF-8, NUL in strings and numbers out of range are refused with a
 * clause json.* of their own.
 *
 * @p      NULL only when @n is 0
 * @rule   clause recorded in @err for everything else, for example "oci.manifest.json"
 * @out    a new reference; the caller's json_decref() (LP_AUTO(lp_json_free))
 *
 * LP_EFORMAT  not such JSON; err->at is the byte
 * LP_ELIMIT   depth above LP_JSON_DEPTH, or more than LP_JSON_VALUES values (json.limit.*)
 */
LP_MUST_CHECK enum lp_code lp_json_parse(const void *p, size_t n, const char *rule, json_t **out,
					 struct lp_err *err);

/* For LP_AUTO(lp_json_free) json_t *j = NULL; */
void lp_json_free(json_t **j);

/*
 * The members of object @o.  A wrong type is LP_EFORMAT with @rule; an absent member is too
 * when @required, else @out is NULL, 0 or an empty digest.  null counts as absent, as in Go.
 * Strings are borrowed from @o.  A malformed digest is oci.descriptor.digest.
 */
enum lp_json_need { LP_JSON_OPTIONAL, LP_JSON_REQUIRED };

LP_MUST_CHECK enum lp_code lp_json_string(const json_t *o, const char *key,
					  enum lp_json_need need, const char *rule,
					  const char **out, struct lp_err *err);
LP_MUST_CHECK enum lp_code lp_json_u64(const json_t *o, const char *key, enum lp_json_need need,
				       const char *rule, uint64_t *out, struct lp_err *err);
LP_MUST_CHECK enum lp_code lp_json_digest(const json_t *o, const char *key,
					  enum lp_json_need need, const char *rule,
					  struct lp_digest *out, struct lp_err *err);
/* @type is JSON_OBJECT or JSON_ARRAY. */
LP_MUST_CHECK enum lp_code lp_json_child(const json_t *o, const char *key, json_type type,
					 enum lp_json_need need, const char *rule,
					 json_t **out, struct lp_err *err);

/*
 * lp_json_print - append @j as compact text with sorted keys to @out.
 *
 * LP_ESYSTEM  memory ran out          LP_ELIMIT  @out would exceed @max
 */
LP_MUST_CHECK enum lp_code lp_json_print(const json_t *j, struct lp_buf *out, size_t max,
					 struct lp_err *err);

#endif
