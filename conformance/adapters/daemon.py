# SPDX-License-Identifier: MIT
"""A daemon that serves a mount, for as long as somebody looks at it."""
import contextlib
import errno
import os
import select
import subprocess

import tool
from protocol import Reject

POLL_MOUNTS = select.POLLPRI | select.POLLERR


def wait_for_mount(daemon, at):
    """Until the daemon serves at, or has ended."""
    with open("/proc/self/mountinfo", encoding="utf-8") as mounts, pidfd(daemon.pid) as ended:
        poll = select.poll()
        poll.register(mounts, POLL_MOUNTS)
        poll.register(ended, select.POLLIN)
        while not os.path.ismount(at) and daemon.poll() is None:
            poll.poll()


@contextlib.contextmanager
def pidfd(pid):
    fd = os.pidfd_open(pid)
    try:
        yield fd
    finally:
        os.close(fd)


@contextlib.contextmanager
def served(work, argv, at):
    """A daemon that serves a directory; Reject with what it said if it does not."""
    with open(work / "log", "w+b") as log:
        daemon = subprocess.Popen([str(a) for a in argv], stdin=subprocess.DEVNULL, stdout=log,
                                  stderr=log, preexec_fn=tool.with_parent,
                                  env=tool.environment(work))
        try:
            wait_for_mount(daemon, at)
            if daemon.poll() is not None:
                tool.die_like(daemon.returncode)
                raise Reject(tool.said(log))
            yield
        except OSError as why:
            if why.errno == errno.ENOTCONN:     # nobody serves it any more
                tool.die_like(daemon.wait())
            raise Reject(f"{why.strerror}: {tool.said(log)}") from why
        finally:
            tool.umount(at)
            daemon.terminate()
            daemon.wait()
            if "panicked" in tool.said(log):
                os.abort()
