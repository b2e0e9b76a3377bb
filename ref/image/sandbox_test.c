// SPDX-License-Identifier: MIT
#include "base/file.h"
#include "image/sandbox.h"
#include "testing/test.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

/* What a confined process tries; bit i of its exit status: attempt i succeeded. */
enum { KEPT = 1, FORGOTTEN = 2, ETC = 4, BENEATH = 8, SOCKET = 16, THREAD = 32, FORK = 64 };

static void *nothing(void *arg)
{
	return arg;
}

static int attempts(int kept, int forgotten, int dir)
{
	int done = 0;
	pthread_t t;
	pid_t pid;

	done |= write(kept, "x", 1) == 1 ? KEPT : 0;
	done |= write(forgotten, "x", 1) == 1 ? FORGOTTEN : 0;
	done |= open("/etc/passwd", O_RDONLY | O_CLOEXEC) >= 0 ? ETC : 0;
	done |= openat(dir, "beneath", O_CREAT | O_WRONLY | O_CLOEXEC, 0600) >= 0 ? BENEATH : 0;
	done |= socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0) >= 0 ? SOCKET : 0;
	done |= !pthread_create(&t, NULL, nothing, NULL) && !pthread_join(t, NULL) ? THREAD : 0;
	pid = fork();
	if (!pid)
		_exit(0);
	return done | (pid > 0 ? FORK : 0);
}

static int confined(const struct lp_sandbox *s, int kept, int forgotten, int dir)
{
	int status = 0;
	pid_t pid = fork();

	if (!pid) {
		struct lp_err err = {0};

		_exit(lp_sandbox_enter(s, &err) ? 128 : attempts(kept, forgotten, dir));
	}
	if (pid < 0 || waitpid(pid, &status, 0) != pid || !WIFEXITED(status))
		return -1;
	return WEXITSTATUS(status);
}

int main(void)
{
	char name[] = "/tmp/sandbox-test-XXXXXX";
	LP_AUTO(lp_fd_close) int dir = -1;
	int pipes[4];
	struct lp_sandbox s = {.keep = &pipes[1], .nkeep = 1, .dir = -1};

	if (!mkdtemp(name) || pipe2(pipes, O_CLOEXEC) || pipe2(pipes + 2, O_CLOEXEC))
		return 1;
	dir = open(name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	CHECK(confined(&s, pipes[1], pipes[3], dir) == KEPT, "only the descriptor that was kept");
	s.threads = true;
	CHECK(confined(&s, pipes[1], pipes[3], dir) == (KEPT | THREAD), "and threads");
	s.threads = false;
	s.dir = dir;
	CHECK(confined(&s, pipes[1], pipes[3], dir) == (KEPT | BENEATH), "or one directory");
	unlinkat(dir, "beneath", 0);
	rmdir(name);
	for (int i = 0; i < 4; i++)
		close(pipes[i]);
	return test_done();
}
