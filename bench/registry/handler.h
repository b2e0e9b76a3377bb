/* SPDX-License-Identifier: MIT */
/*
 * handler - what the registry does for each route and method; the table is in server.c.
 *
 * open runs when the headers have come, run when the body has.
 */
#ifndef LB_HANDLER_H
#define LB_HANDLER_H

#include "registry/request.h"

typedef enum lp_code lb_handler(struct lb_request *r, struct lp_err *err);

/* pull.c */
lb_handler lb_serve_base;
lb_handler lb_serve_manifest;
lb_handler lb_serve_blob;	/* or the redirect to lb_serve_storage() */
lb_handler lb_serve_storage;
lb_handler lb_serve_tags;

/* referrers.c */
lb_handler lb_serve_referrers;

/* push.c */
lb_handler lb_upload_begin;	/* open: POST uploads/ */
lb_handler lb_upload_started;	/* run */
lb_handler lb_upload_go_on;	/* open: PATCH and PUT uploads/ID */
lb_handler lb_upload_chunk;	/* run: PATCH */
lb_handler lb_upload_end;	/* run: PUT */
lb_handler lb_upload_status;
lb_handler lb_upload_cancel;
lb_handler lb_manifest_begin;	/* open: PUT manifests/ */
lb_handler lb_manifest_end;	/* run */

/* admit.c: may this request be served at all? */
lb_handler lb_admit;
lb_handler lb_serve_token;

#endif
