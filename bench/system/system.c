// SPDX-License-Identifier: MIT
#include "system/system.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const struct lb_system *const families[] = {
	lb_ref_systems,
};

const struct lb_system *lb_system_at(size_t i)
{
	for (size_t f = 0; f < sizeof(families) / sizeof(families[0]); f++)
		for (const struct lb_system *s = families[f]; s->name; s++)
			if (!i--)
				return s;
	return NULL;
}

const struct lb_system *lb_system_find(const char *name)
{
	const struct lb_system *s = NULL;

	for (size_t i = 0; (s = lb_system_at(i)); i++)
		if (!strcmp(s->name, name))
			break;
	return s;
}

const char *lb_programs_missing(const struct lb_programs *p, const char *const *name, size_t n)
{
	char path[1100];

	for (size_t i = 0; i < n; i++) {
		snprintf(path, sizeof(path), "%s/%s", p->peers, name[i]);
		if (access(path, X_OK))
			return "make peers";
	}
	return NULL;
}

/* The directory that lazybench itself is in. */
static void own_directory(char out[static 1024])
{
	ssize_t n = readlink("/proc/self/exe", out, 1023);

	out[n > 0 ? n : 0] = '\0';
	if (strrchr(out, '/'))
		*strrchr(out, '/') = '\0';
}

void lb_programs_find(struct lb_programs *p, const char *lazypull, const char *peers)
{
	const char *cache = getenv("XDG_CACHE_HOME"), *home = getenv("HOME");
	char own[1024];

	own_directory(own);
	if (lazypull)
		snprintf(p->lazypull, sizeof(p->lazypull), "%s", lazypull);
	else
		snprintf(p->lazypull, sizeof(p->lazypull), "%.1000s/lazypull", own);
	if (peers)
		snprintf(p->peers, sizeof(p->peers), "%s", peers);
	else
		snprintf(p->peers, sizeof(p->peers), "%s%s/lazypull/peers/bin",
			 cache ? cache : home ? home : "", cache ? "" : "/.cache");
}
