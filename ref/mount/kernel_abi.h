/* SPDX-License-Identifier: MIT */
/*
 * kernel_abi - constants of Linux that the headers of Debian 12 (6.1) lack.
 *
 * Source: include/uapi/linux/fanotify.h of Linux 6.14
 */
#ifndef LP_KERNEL_ABI_H
#define LP_KERNEL_ABI_H

#include <stdint.h>
#include <sys/fanotify.h>

#ifndef FAN_PRE_ACCESS
#define FAN_PRE_ACCESS 0x00100000		/* before the bytes of a file are used */
#define FAN_EVENT_INFO_TYPE_RANGE 6
#define FAN_DENY_ERRNO(e) (FAN_DENY | ((uint32_t)(e) & 0xff) << 24)

struct fanotify_event_info_range {
	struct fanotify_event_info_header hdr;
	uint32_t pad;
	uint64_t offset, count;			/* bytes */
};
#endif

#endif
