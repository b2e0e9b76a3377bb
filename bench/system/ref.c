// SPDX-License-Identifier: MIT
/* ref - our own reference implementation, one row per format, mount and policy. */
#include "system/system.h"

#include <unistd.h>

static const char *missing(const struct lb_programs *p)
{
	return access(p->lazypull, X_OK) ? "make" : NULL;
}

static const char *program(const struct lb_programs *p)
{
	return p->lazypull;
}

static void command(const struct lb_system *s, const struct lb_start *start, struct lb_args *out)
{
	const json_t *argv = start->task->argv, *env = start->task->env;

	lb_args_add(out, "%s", start->programs->lazypull);
	lb_args_add(out, "run");
	lb_args_add(out, "--store=%s", start->store);
	lb_args_add(out, "--events=%d", LB_EVENTS_FD);
	lb_args_add(out, "--mount=%s", s->mount);
	lb_args_add(out, "--prefetch=%s", s->prefetch);
	lb_args_add(out, "--background=off");
	lb_args_add(out, "--net=host");
	lb_args_add(out, "--rm");
	for (size_t i = 0; i < json_array_size(env); i++) {
		lb_args_add(out, "-e");
		lb_args_add(out, "%s", json_string_value(json_array_get(env, i)));
	}
	lb_args_add(out, "%s", start->reference);
	for (size_t i = 0; i < json_array_size(argv); i++)
		lb_args_add(out, "%s", json_string_value(json_array_get(argv, i)));
}

static const struct lb_family ref = {missing, program, command};

const struct lb_system lb_ref_systems[] = {
	{"ref/oci/extract", "legacy image, unpacked layer by layer, overlay: the baseline",
	 LB_FORM_LEGACY, false, false, "extract", "none", &ref},
	{"ref/oci/fuse", "legacy image, one device per layer, FUSE", LB_FORM_LEGACY, false, false,
	 "fuse", "none", &ref},
	{"ref/oci/kernel", "legacy image, one device per layer, the kernel's EROFS",
	 LB_FORM_LEGACY, false, false, "kernel", "none", &ref},
	{"ref/estargz/fuse", "eStargz as converted, on demand", LB_FORM_ESTARGZ, true, false,
	 "fuse", "none", &ref},
	{"ref/estargz/fuse+prefetch", "eStargz as converted, prefetch", LB_FORM_ESTARGZ, true,
	 false, "fuse", "async", &ref},
	{"ref/estargz/fuse+opt", "eStargz optimised for the first task, on demand",
	 LB_FORM_OPTIMISED, true, false, "fuse", "none", &ref},
	{"ref/estargz/fuse+opt+prefetch", "eStargz optimised for the first task, prefetch",
	 LB_FORM_OPTIMISED, true, false, "fuse", "async", &ref},
	{"ref/estargz/kernel", "eStargz as converted, on demand, the kernel's EROFS",
	 LB_FORM_ESTARGZ, true, false, "kernel", "none", &ref},
	{"ref/estargz/kernel+opt+prefetch", "eStargz optimised, prefetch, the kernel's EROFS",
	 LB_FORM_OPTIMISED, true, false, "kernel", "async", &ref},
	{"ref/rafs6/fuse", "Nydus, RAFS v6 as converted, on demand", LB_FORM_RAFS6, true, false,
	 "fuse", "none", &ref},
	{"ref/rafs6/fuse+opt", "RAFS v6 optimised for the first task, on demand",
	 LB_FORM_RAFS6_OPTIMISED, true, false, "fuse", "none", &ref},
	{"ref/rafs6/fuse+opt+prefetch", "RAFS v6 optimised for the first task, prefetch",
	 LB_FORM_RAFS6_OPTIMISED, true, false, "fuse", "async", &ref},
	{"ref/rafs6/kernel", "RAFS v6 as converted, on demand, the kernel's EROFS",
	 LB_FORM_RAFS6, true, false, "kernel", "none", &ref},
	{"ref/rafs6/kernel+opt+prefetch", "RAFS v6 optimised, prefetch, the kernel's EROFS",
	 LB_FORM_RAFS6_OPTIMISED, true, false, "kernel", "async", &ref},
	{"ref/rafs5/fuse", "Nydus, RAFS v5 as converted, on demand", LB_FORM_RAFS5, true, false,
	 "fuse", "none", &ref},
	{"ref/rafs5/fuse+opt", "RAFS v5 optimised for the first task, on demand",
	 LB_FORM_RAFS5_OPTIMISED, true, false, "fuse", "none", &ref},
	{"ref/rafs5/fuse+opt+prefetch", "RAFS v5 optimised for the first task, prefetch",
	 LB_FORM_RAFS5_OPTIMISED, true, false, "fuse", "async", &ref},
	{"control", "warm store, the hello image: the floor, and the drift of the machine",
	 LB_FORM_LEGACY, false, true, "extract", "none", &ref},
	{0},
};
