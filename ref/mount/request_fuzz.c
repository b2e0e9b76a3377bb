// SPDX-License-Identifier: MIT
#include "mount/request.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	LP_AUTO(lp_json_free) json_t *j = NULL;
	struct lp_packet fds = {.fd = {0, 1, 2, 3}};
	struct lp_serve what = {0};
	struct lp_err err = {0};

	if (!n || lp_json_parse(data + 1, n - 1, "mount.control.message", &j, &err))
		return 0;
	fds.nfd = data[0] % (LP_WIRE_FDS + 1);
	if (!lp_wire_verdict(j, &err) && !lp_serve_read(j, &fds, &what, &err) &&
	    (what.prefetch > LP_PREFETCH_WAIT || what.list > 3))
		__builtin_trap();
	return 0;
}
