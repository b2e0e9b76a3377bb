// SPDX-License-Identifier: MIT
#include "layer/store.h"
#include "testing/dir.h"
#include "testing/test.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

static char root[TEST_DIR];

static bool open_store(struct lp_store *s)
{
	struct lp_err err = {0};
	char path[TEST_DIR + 8];

	snprintf(path, sizeof(path), "%s/store", root);
	return CHECK(!lp_store_open(s, path, &err), "the store opens %s", err.msg);
}

static void put(int dir, const char *name)
{
	int fd = openat(dir, name, O_CREAT | O_WRONLY | O_CLOEXEC, 0600);

	if (fd < 0 || write(fd, "x", 1) != 1)
		printf("# cannot write %s\n", name);
	close(fd);
}

static void check_open(void)
{
	LP_AUTO(lp_store_free) struct lp_store s = {0}, again = {0};
	struct stat st = {0};
	struct lp_err err = {0};
	char path[128];

	if (!open_store(&s))
		return;
	CHECK(!fstat(s.dir, &st) && (st.st_mode & 0777) == 0700, "its mode is 0700");
	CHECK(s.path[0] == '/' && s.run[0] == '/' && strlen(s.boot) == 36, "%s, %s", s.path,
	      s.run);
	CHECK(!stat(s.run, &st) && (st.st_mode & 0777) == 0700, "so is its run directory's");
	CHECK(lp_store_has(&s, "devices") && lp_store_has(&s, "tmp") && !lp_store_has(&s, "x"),
	      "it has its rooms");
	CHECK(!lp_store_open(&again, s.path, &err) && !strcmp(again.run, s.run),
	      "one place, one run directory");
	snprintf(path, sizeof(path), "%s/open", root);
	mkdir(path, 0755);
	CHECK(!lp_store_open(&again, path, &err) && !stat(path, &st) &&
	      (st.st_mode & 0777) == 0700, "an empty directory is closed");
	test_dir_remove(again.run);
	lp_store_free(&again);
	chmod(path, 0750);
	CHECK(lp_store_open(&again, path, &err) == LP_ESYSTEM, "one with a store that is open "
	      "to others is refused: %s", err.msg);
	snprintf(path, sizeof(path), "%s/file", root);
	put(AT_FDCWD, path);
	CHECK(lp_store_open(&again, path, &err) == LP_ESYSTEM, "a file is none: %s", err.msg);
	lp_store_free(&again);
}

static void check_owner(void)
{
	LP_AUTO(lp_store_free) struct lp_store s = {0};
	struct lp_err err = {0};
	char path[128];

	snprintf(path, sizeof(path), "%s/theirs", root);
	if (geteuid() || mkdir(path, 0700) || chown(path, 12345, 12345))
		printf("ok %d - # SKIP chown needs root\n", ++test_count);
	else
		CHECK(lp_store_open(&s, path, &err) == LP_ESYSTEM, "somebody else's store: %s",
		      err.msg);
}

static void check_names(void)
{
	LP_AUTO(lp_store_free) struct lp_store s = {0};
	struct lp_digest one = {.alg = LP_SHA256, .b = {1}}, two = {.alg = LP_SHA512, .b = {2}}, got;
	char name[LP_STORE_NAME];
	struct lp_err err = {0};

	lp_store_device_name(&two, &one, name);
	CHECK(strlen(name) == 8 + 128 + 1 + 64, "%.30s...", name);
	lp_store_device_name(&one, NULL, name);
	CHECK(strlen(name) == 8 + 64 && !strncmp(name, "devices/0100", 12), "%.30s...", name);
	if (!open_store(&s))
		return;
	CHECK(lp_store_name_get(&s, "a:b", &got, &err) == LP_EMISSING, "no name yet");
	CHECK(!lp_store_name_set(&s, "a:b", &one, &err) &&
	      !lp_store_name_set(&s, "c/\"d\"", &two, &err), "two names %s", err.msg);
	CHECK(!lp_store_name_get(&s, "a:b", &got, &err) && lp_digest_equal(&got, &one) &&
	      !lp_store_name_get(&s, "c/\"d\"", &got, &err) && lp_digest_equal(&got, &two),
	      "are remembered");
	CHECK(!lp_store_name_set(&s, "a:b", &two, &err) &&
	      !lp_store_name_get(&s, "a:b", &got, &err) && lp_digest_equal(&got, &two),
	      "and can move");
	CHECK(!lp_file_save(s.dir, "names.json", "{\"a:b\"", 6, &err) &&
	      lp_store_name_get(&s, "a:b", &got, &err) == LP_EFORMAT && err.rule &&
	      !strcmp(err.rule, "store.names.json"), "a damaged file is store.names.json");
	CHECK(!lp_store_name_set(&s, "a:b", &one, &err) &&
	      !lp_store_name_get(&s, "a:b", &got, &err) && lp_digest_equal(&got, &one),
	      "and is begun anew");
}

static void check_stage(void)
{
	LP_AUTO(lp_store_free) struct lp_store s = {0};
	char name[LP_STAGE_NAME], other[LP_STAGE_NAME];
	int dir = -1, dir2 = -1;
	struct lp_err err = {0};

	if (!open_store(&s) || lp_store_stage(&s, name, &dir, &err) ||
	    lp_store_stage(&s, other, &dir2, &err)) {
		CHECK(false, "two stages: %s", err.msg);
		return;
	}
	put(dir, "first");
	put(dir2, "second");
	CHECK(!lp_store_sweep(&s, &err) && lp_store_has(&s, name) && lp_store_has(&s, other),
	      "a sweep leaves what is locked");
	CHECK(!lp_store_publish(&s, name, "layers/a", &err) && lp_store_has(&s, "layers/a/first") &&
	      !lp_store_has(&s, name), "published %s", err.msg);
	CHECK(!lp_store_publish(&s, other, "layers/a", &err) && lp_store_has(&s, "layers/a/first") &&
	      !lp_store_has(&s, "layers/a/second") && !lp_store_has(&s, other),
	      "the first one stays %s", err.msg);
	CHECK(lp_store_publish(&s, other, "layers/b", &err) == LP_ESYSTEM, "what is gone is not "
	      "published");
	CHECK(!lp_store_remove(&s, "layers/a", &err) && !lp_store_has(&s, "layers/a"), "removed");
	CHECK(lp_store_remove(&s, "layers/a", &err) == LP_EMISSING, "there is nothing to remove");
	close(dir);
	close(dir2);
}

static void check_guard(void)
{
	LP_AUTO(lp_store_free) struct lp_store s = {0};
	LP_AUTO(lp_fd_close) int one = -1, two = -1, other = -1;
	struct lp_err err = {0};

	if (!open_store(&s))
		return;
	other = openat(s.dir, "devices", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	CHECK(!lp_store_guard(&s, false, &one, &err) && !lp_store_guard(&s, false, &two, &err),
	      "two publish at a time %s", err.msg);
	CHECK(flock(other, LOCK_EX | LOCK_NB), "nobody removes meanwhile");
	lp_fd_close(&one);
	lp_fd_close(&two);
	CHECK(!lp_store_guard(&s, true, &one, &err) && flock(other, LOCK_SH | LOCK_NB),
	      "who removes is alone %s", err.msg);
}

/* A child that stages, is seen, and dies; and one that holds a lock. */
static void check_two_processes(void)
{
	LP_AUTO(lp_store_free) struct lp_store s = {0};
	char name[LP_STAGE_NAME] = "";
	struct lp_err err = {0};
	int up[2], fd = -1, status;
	char byte;
	pid_t pid;

	if (!open_store(&s) || pipe(up))
		return;
	pid = fork();
	if (!pid) {
		int dir, lock;

		alarm(20);
		if (lp_store_stage(&s, name, &dir, &err) || lp_store_lock(&s, "n", &lock, &err) ||
		    write(up[1], name, sizeof(name)) != sizeof(name))
			_exit(1);
		put(dir, "file");
		for (;;)
			pause();
	}
	CHECK(read(up[0], name, sizeof(name)) == sizeof(name) && lp_store_has(&s, name),
	      "another process stages %s", name);
	CHECK(!lp_store_sweep(&s, &err) && lp_store_has(&s, name), "and is not swept");
	kill(pid, SIGKILL);
	CHECK(waitpid(pid, &status, 0) == pid && !lp_store_lock(&s, "n", &fd, &err),
	      "its lock is free when it dies");
	CHECK(!lp_store_sweep(&s, &err) && !lp_store_has(&s, name), "then its stage is swept");
	lp_fd_close(&fd);
	CHECK(!lp_store_sweep(&s, &err) && !lp_store_lock(&s, "n", &fd, &err) && fd >= 0,
	      "a lock file that was swept is made again");
	pid = fork();
	if (!pid) {
		int lock;

		close(fd); /* a lock belongs to what fork() shared */
		byte = !lp_store_lock(&s, "n", &lock, &err);
		_exit(write(up[1], &byte, 1) != 1 || !byte);
	}
	CHECK(fcntl(up[0], F_SETFL, O_NONBLOCK) == 0 && usleep(50000) == 0 &&
	      read(up[0], &byte, 1) < 0 && errno == EAGAIN, "a second locker waits");
	lp_fd_close(&fd);
	CHECK(waitpid(pid, &status, 0) == pid && !status, "until the first is done");
	close(up[0]);
	close(up[1]);
}

static void check_sweep_run(void)
{
	LP_AUTO(lp_store_free) struct lp_store s = {0};
	struct lp_err err = {0};
	char name[128];
	int run;

	if (!open_store(&s))
		return;
	run = open(s.run, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	put(run, "live.00000000-0000-0000-0000-000000000000.ab");
	snprintf(name, sizeof(name), "live.%s.ab", s.boot);
	put(run, name);
	snprintf(name, sizeof(name), "live.%s.cd", s.boot);
	put(run, name);
	put(run, "control.sock");
	mkdirat(s.dir, "devices/cd", 0700);
	CHECK(!lp_store_sweep(&s, &err) && !faccessat(run, name, F_OK, 0) &&
	      !faccessat(run, "control.sock", F_OK, 0), "live state of this boot stays");
	snprintf(name, sizeof(name), "live.%s.ab", s.boot);
	CHECK(faccessat(run, name, F_OK, 0), "that of a device that is gone does not");
	CHECK(faccessat(run, "live.00000000-0000-0000-0000-000000000000.ab", F_OK, 0),
	      "that of an earlier boot neither");
	unlinkat(s.dir, "devices/cd", AT_REMOVEDIR);
	unlinkat(run, "control.sock", 0);
	close(run);
}

/* A store that somebody has removed, and one that came in its place. */
static void check_sweep_orphans(void)
{
	LP_AUTO(lp_store_free) struct lp_store s = {0};
	LP_AUTO(lp_store_free) struct lp_store other = {0};
	char path[300], away[300], run[LP_STORE_RUN];
	struct lp_err err = {0};

	if (!open_store(&s))
		return;
	snprintf(path, sizeof(path), "%s/inner", s.path);
	snprintf(away, sizeof(away), "%s/away", s.path);
	CHECK(!lp_store_open(&other, path, &err), "a second store: %s", err.msg);
	snprintf(run, sizeof(run), "%s", other.run);
	lp_store_free(&other);
	CHECK(!lp_store_sweep(&s, &err) && !access(run, F_OK), "its live state stays");
	CHECK(!rename(path, away) && !lp_store_sweep(&s, &err) && access(run, F_OK),
	      "until it is gone");
	CHECK(!lp_store_open(&other, path, &err) && !lp_store_sweep(&s, &err) &&
	      !access(other.run, F_OK), "a new one at its place has its own");
	snprintf(run, sizeof(run), "%s", other.run);
	CHECK(!rename(path, away) || !renameat2(AT_FDCWD, path, AT_FDCWD, away, RENAME_EXCHANGE),
	      "exchanged");
	CHECK(!lp_store_sweep(&s, &err) && access(run, F_OK), "which goes with it");
}

/* 3000 directories in each other, of which some forbid to be listed. */
static void check_deep(void)
{
	LP_AUTO(lp_store_free) struct lp_store s = {0};
	char name[LP_STAGE_NAME];
	struct lp_err err = {0};
	int dir, next, depth = 0;

	if (!open_store(&s) || lp_store_stage(&s, name, &dir, &err))
		return;
	for (; depth < 3000; depth++) {
		if (mkdirat(dir, "d", 0700) ||
		    (next = openat(dir, "d", O_RDONLY | O_DIRECTORY | O_CLOEXEC)) < 0)
			break;
		put(dir, "f");
		if (symlinkat("/etc", dir, "s"))
			break;
		close(dir);
		dir = next;
	}
	fchmod(dir, 0);
	close(dir);
	CHECK(depth == 3000 && !lp_store_remove(&s, name, &err) && !lp_store_has(&s, name),
	      "a tree of depth %d is removed %s", depth, err.msg);
}

static bool is_empty(const struct lp_store *s, const char *name)
{
	int fd = openat(s->dir, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC), n = 0;
	DIR *list = fd < 0 ? NULL : fdopendir(fd);

	while (list && readdir(list))
		n++;
	if (list)
		closedir(list);
	return n == 2;
}

/* An earlier boot left a mark without its directory: what is published synced is not it. */
static void check_anew(struct lp_store *s)
{
	static const char final[] = "images/anew";
	LP_AUTO(lp_fd_close) int dir = -1;
	struct lp_err err = {0};
	char name[LP_STAGE_NAME];

	CHECK(!lp_store_unsettle(s, final, &err), "a mark, and the machine stops %s", err.msg);
	s->boot[1] ^= 1;
	s->later = false;
	CHECK(!lp_store_stage(s, name, &dir, &err) && !lp_store_publish(s, name, final, &err) &&
	      lp_store_has(s, final), "published by the next boot %s", err.msg);
	s->boot[1] ^= 1;
	CHECK(lp_store_has(s, final), "and it stays");
}

/* Published and not synced: whole until the machine stops, then only if it was settled. */
static void check_settle(void)
{
	static const char *const final[] = {"images/settled", "layers/unsettled"};
	LP_AUTO(lp_store_free) struct lp_store s = {0};
	struct lp_err err = {0};

	if (!open_store(&s))
		return;
	s.later = true;
	for (size_t i = 0; i < 2; i++) {
		LP_AUTO(lp_fd_close) int dir = -1;
		char name[LP_STAGE_NAME];

		CHECK(!lp_store_stage(&s, name, &dir, &err) &&
		      !lp_store_publish(&s, name, final[i], &err) && lp_store_has(&s, final[i]),
		      "%s is there at once %s", final[i], err.msg);
		CHECK(is_empty(&s, final[i]), "nothing was put into it");
		if (!i)
			CHECK(!lp_store_settle(&s, &err) && !lp_store_settle(&s, &err),
			      "settled, twice");
	}
	s.boot[0] ^= 1;
	CHECK(lp_store_has(&s, final[0]), "what was settled is there after another boot");
	CHECK(!lp_store_has(&s, final[1]) &&
	      faccessat(s.dir, final[1], F_OK, AT_SYMLINK_NOFOLLOW), "the rest is removed");
	check_anew(&s);
}

int main(void)
{
	struct lp_store s = {0};
	char run[LP_STORE_RUN] = "";

	test_dir_make(root);
	check_open();
	check_owner();
	check_names();
	check_stage();
	check_guard();
	check_two_processes();
	check_sweep_run();
	check_sweep_orphans();
	check_deep();
	check_settle();
	if (open_store(&s))
		snprintf(run, sizeof(run), "%s", s.run);
	lp_store_free(&s);
	if (run[0])
		test_dir_remove(run);
	test_dir_remove(root);
	return test_done();
}
