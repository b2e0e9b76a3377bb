// SPDX-License-Identifier: MIT
#include "mount/bundle.h"

#include "base/file.h"
#include "testing/dir.h"
#include "testing/test.h"

#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

static const char document[] =
	"{\"architecture\":\"amd64\",\"os\":\"linux\",\"rootfs\":{\"type\":\"layers\",\"diff_ids\":[]},"
	"\"config\":{\"Env\":[\"PATH=/bin\",\"A=1\",\"A=2\"],\"Entrypoint\":[\"/e\",\"x\"],"
	"\"Cmd\":[\"c\"],\"WorkingDir\":\"/w\"}}";

static char arg_a[] = "a", arg_b[] = "b";

/* A command line, and the value at a place of the document that comes of it. */
static const struct {
	const char *name;
	struct lp_bundle b;
	char *args[3];
	const char *key[4];	/* where to look */
	const char *want;	/* as JSON; NULL: refused */
	const char *rule;
} cases[] = {
	{"entrypoint and cmd", {0}, {0}, {"process", "args"}, "[\"/e\",\"x\",\"c\"]", NULL},
	{"arguments replace cmd", {.nargs = 2}, {arg_a, arg_b}, {"process", "args"},
	 "[\"/e\",\"x\",\"a\",\"b\"]", NULL},
	{"an entrypoint drops cmd", {.entrypoint = "/o"}, {0}, {"process", "args"}, "[\"/o\"]", NULL},
	{"an empty entrypoint", {.entrypoint = "", .nargs = 1}, {arg_a}, {"process", "args"}, "[\"a\"]",
	 NULL},
	{"no command", {.entrypoint = ""}, {0}, {"process"}, NULL, "mount.bundle.command"},
	{"its directory", {0}, {0}, {"process", "cwd"}, "\"/w\"", NULL},
	{"another directory", {.workdir = "/v"}, {0}, {"process", "cwd"}, "\"/v\"", NULL},
	{"a relative directory", {.workdir = "v"}, {0}, {"process"}, NULL, "mount.bundle.workdir"},
	{"a variable that is set twice counts once", {0}, {0}, {"process", "env"},
	 "[\"PATH=/bin\",\"A=2\",\"HOSTNAME=h\",\"HOME=/root\"]", NULL},
	{"a terminal", {.terminal = true}, {0}, {"process", "terminal"}, "true", NULL},
	{"a read-only root", {.read_only = true}, {0}, {"root", "readonly"}, "true", NULL},
	{"the host's network", {0}, {0}, {"linux", "namespaces"},
	 "[{\"type\":\"pid\"},{\"type\":\"ipc\"},{\"type\":\"uts\"},{\"type\":\"mount\"}]", NULL},
	{"no network", {.network = LP_NET_NONE}, {0}, {"linux", "namespaces"},
	 "[{\"type\":\"pid\"},{\"type\":\"ipc\"},{\"type\":\"uts\"},{\"type\":\"mount\"},"
	 "{\"type\":\"network\"}]", NULL},
};

static const struct {
	const char *text;	/* -v */
	const char *want;	/* NULL: refused */
} volumes[] = {
	{"/a:/b", "{\"destination\":\"/b\",\"options\":[\"rbind\"],\"source\":\"/a\",\"type\":\"bind\"}"},
	{"/a:/b:ro,Z", "{\"destination\":\"/b\",\"options\":[\"ro\",\"Z\",\"rbind\"],\"source\":\"/a\","
		       "\"type\":\"bind\"}"},
	{"/a", NULL}, {"", NULL}, {":", NULL}, {"/a:", NULL}, {"/a:b", NULL}, {"a:/b", NULL},
	{":/b", NULL}, {"/a::ro", NULL},
};

static char passwd[] = "root:x:0:0:root:/root:/bin/sh\n"
		       "short:x:5\n::::::\nbad:x:-1:0::/:\nhuge:x:99999999999:0::/:\n"
		       "ann:x:1000:1000::/home/ann:/bin/sh\nend:x:7:8::/e:/bin/sh:more:fields";
static char group[] = "root:x:0:\nwheel:x:10:bob,ann\nann:x:1000:\nnone\nx:y:z:ann\nlast:x:11:ann";

/* What -u says, and who that is. */
static const struct {
	const char *text;
	uint32_t uid, gid;
	size_t ngroup;
	const char *home;	/* NULL: nobody */
} accounts[] = {
	{NULL, 0, 0, 0, "/root"},	   {"", 0, 0, 0, "/root"},
	{"0", 0, 0, 0, "/root"},	   {"root", 0, 0, 0, "/root"},
	{"ann", 1000, 1000, 2, "/home/ann"}, {"ann:wheel", 1000, 10, 0, "/home/ann"},
	{"1000", 1000, 1000, 0, "/home/ann"}, {"1000:5", 1000, 5, 0, "/"},
	{"4294967294:0", 4294967294u, 0, 0, "/"}, {"77", 77, 0, 0, "/"},
	{":wheel", 0, 10, 0, "/root"},	   {"end", 7, 8, 0, "/e"},
	{"nobody", 0, 0, 0, NULL},	   {"ann:nothing", 0, 0, 0, NULL},
	{"bad", 0, 0, 0, NULL},		   {"huge", 0, 0, 0, NULL},
	{"short", 0, 0, 0, NULL},	   {"4294967295", 0, 0, 0, NULL},
	{"-1", 0, 0, 0, NULL},		   {"0x10", 0, 0, 0, NULL},
};

static void bundles(void)
{
	struct lp_config config = {0};
	struct lp_account account = {.home = "/root"};
	struct lp_err err = {0};

	if (!CHECK(!lp_config_parse(document, sizeof(document) - 1, &config, &err), "%s", err.msg)) {
		lp_config_free(&config);
		return;
	}
	for (size_t i = 0; i < COUNT(cases); i++) {
		LP_AUTO(lp_json_free) json_t *j = NULL;
		struct lp_bundle b = cases[i].b;
		enum lp_code code;
		const json_t *at;
		char *text;

		b.image = &config;
		b.account = &account;
		b.root = "rootfs";
		b.hostname = "h";
		b.args = cases[i].args;
		err = (struct lp_err){0};
		code = lp_bundle_make(&b, &j, &err);
		at = j;
		for (size_t k = 0; at && cases[i].key[k]; k++)
			at = json_object_get(at, cases[i].key[k]);
		text = at ? json_dumps(at, JSON_COMPACT | JSON_SORT_KEYS | JSON_ENCODE_ANY) : NULL;
		CHECK(cases[i].want ? text && !strcmp(text, cases[i].want)
				    : code && err.rule && !strcmp(err.rule, cases[i].rule),
		      "%s: %s%s", cases[i].name, text ? text : "", err.msg);
		free(text);
	}
	lp_config_free(&config);
}

static void binds(void)
{
	struct lp_config config = {0};
	struct lp_account account = {.home = "/root"};
	char *const args[] = {arg_a};

	for (size_t i = 0; i < COUNT(volumes); i++) {
		LP_AUTO(lp_json_free) json_t *j = NULL;
		const char *const one[] = {volumes[i].text};
		struct lp_bundle b = {.image = &config, .account = &account, .root = "r", .hostname = "h",
				      .args = args, .nargs = 1, .volume = one, .nvolume = 1,
				      .network = LP_NET_NONE};
		struct lp_err err = {0};
		enum lp_code code = lp_bundle_make(&b, &j, &err);
		const json_t *all = json_object_get(j, "mounts");
		char *text = all ? json_dumps(json_array_get(all, json_array_size(all) - 1),
					      JSON_COMPACT | JSON_SORT_KEYS)
				 : NULL;

		CHECK(volumes[i].want ? text && !strcmp(text, volumes[i].want)
				      : code == LP_EUSAGE && !strcmp(err.rule, "mount.bundle.volume"),
		      "-v \"%s\": %s%s", volumes[i].text, text ? text : "", err.msg);
		free(text);
	}
}

/* What root of a user namespace may not do is not asked for. */
static void in_user_namespace(void)
{
	static const struct {
		bool user;
		enum lp_network network;
		const char *sys;	/* type of what is at /sys */
	} rows[] = {
		{false, LP_NET_HOST, "sysfs"}, {true, LP_NET_HOST, "bind"},
		{true, LP_NET_NONE, "sysfs"},
	};
	struct lp_config config = {0};
	struct lp_account account = {.home = "/root"};
	char *const args[] = {arg_a};

	for (size_t i = 0; i < COUNT(rows); i++) {
		LP_AUTO(lp_json_free) json_t *j = NULL;
		struct lp_bundle b = {.image = &config, .account = &account, .root = "r", .hostname = "h",
				      .args = args, .nargs = 1, .network = rows[i].network,
				      .user = rows[i].user};
		struct lp_err err = {0};
		const char *sys = NULL;
		bool gid = false;
		size_t k;
		json_t *m;

		CHECK(!lp_bundle_make(&b, &j, &err), "row %zu %s", i, err.msg);
		json_array_foreach(json_object_get(j, "mounts"), k, m) {
			char *text = json_dumps(m, JSON_COMPACT);

			gid = gid || (text && strstr(text, "gid=5"));
			if (!strcmp(json_string_value(json_object_get(m, "destination")), "/sys"))
				sys = json_string_value(json_object_get(m, "type"));
			free(text);
		}
		CHECK(gid != rows[i].user && sys && !strcmp(sys, rows[i].sys), "/sys is %s", sys);
	}
}

static void save(int dir, const char *path, const char *text)
{
	struct lp_err err = {0};

	if (lp_file_save(dir, path, text, strlen(text), &err))
		printf("# %s\n", err.msg);
}

static void users(const char *root)
{
	LP_AUTO(lp_fd_close) int dir = open(root, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	struct lp_account a = {0};
	struct lp_err err = {0};

	CHECK(lp_account_find(dir, "ann", &a, &err) == LP_EMISSING, "without files: %s", err.msg);
	CHECK(!lp_account_find(dir, "5", &a, &err) && a.uid == 5, "but a number is one");
	if (mkdirat(dir, "etc", 0755))
		return;
	save(dir, "etc/passwd", passwd);
	save(dir, "etc/group", group);
	for (size_t i = 0; i < COUNT(accounts); i++) {
		enum lp_code code;

		err = (struct lp_err){0};
		code = lp_account_find(dir, accounts[i].text, &a, &err);
		if (!accounts[i].home)
			CHECK(code == LP_EMISSING && !strcmp(err.rule, "mount.bundle.user"),
			      "\"%s\": %s", accounts[i].text, err.msg);
		else
			CHECK(!code && a.uid == accounts[i].uid && a.gid == accounts[i].gid &&
				      a.ngroup == accounts[i].ngroup &&
				      !strcmp(a.home, accounts[i].home),
			      "\"%s\" is %u:%u, %zu groups, %s %s",
			      accounts[i].text ? accounts[i].text : "(null)", a.uid, a.gid, a.ngroup,
			      a.home, err.msg);
	}
	if (!unlinkat(dir, "etc/passwd", 0) && !symlinkat("/etc/passwd", dir, "etc/passwd"))
		CHECK(lp_account_find(dir, "ann", &a, &err) == LP_EMISSING,
		      "a symlink leads nowhere but into the image");
}

int main(void)
{
	char root[TEST_DIR];

	test_dir_make(root);
	bundles();
	binds();
	in_user_namespace();
	users(root);
	test_dir_remove(root);
	return test_done();
}
