# SPDX-License-Identifier: MIT
"""Somebody else's programs: find them, keep them in, run them, and die as they die."""
import contextlib
import ctypes
import os
import pathlib
import pwd
import shutil
import signal
import subprocess
import tempfile

from protocol import Reject

SAID_MAX = 4096         # bytes of what a tool prints that anybody looks at
RUST_PANIC = 101

CLONE_NEWNS, CLONE_NEWNET = 0x20000, 0x40000000
MS_BIND, MS_REC, MS_PRIVATE = 0x1000, 0x4000, 0x40000
MOUNT_SETATTR, AT_FDCWD, AT_RECURSIVE, ATTR_RDONLY = 442, -100, 0x8000, 1
PR_SET_PDEATHSIG, MNT_DETACH = 1, 2
libc = ctypes.CDLL(None, use_errno=True)


class Missing(Exception):
    """A program that is not installed."""


def peers():
    """Where `make peers` puts programs, if nobody says: in the user's cache."""
    home = pathlib.Path(pwd.getpwuid(os.getuid()).pw_dir)
    cache = pathlib.Path(os.environ.get("XDG_CACHE_HOME") or home / ".cache")
    return cache / "lazypull" / "peers" / "bin"


def find(name, folder=None):
    """The path of a program: among the peers, or in PATH."""
    path = (folder or peers()) / name
    found = str(path) if path.exists() else shutil.which(name)
    if not found:
        raise Missing(f"{name} is not installed: make peers")
    return found


def check(result, what):
    if result < 0:
        error = ctypes.get_errno()
        raise OSError(error, f"{what}: {os.strerror(error)}")


def attributes(path, flags, to_set, to_clear):
    """mount_setattr(2)."""
    attr = (ctypes.c_uint64 * 4)(to_set, to_clear, 0, 0)
    check(libc.syscall(MOUNT_SETATTR, AT_FDCWD, os.fsencode(path), flags, attr,
                       ctypes.sizeof(attr)), f"mount_setattr {path}")


def mount(source, at, kind, flags, data=None):
    """mount(2); names may be None."""
    words = [None if word is None else os.fsencode(word) for word in (source, at, kind)]
    check(libc.mount(*words, flags, None if data is None else os.fsencode(data)), f"mount {at}")


def umount(at):
    """Detach a mount, if there is one."""
    libc.umount2(os.fsencode(at), MNT_DETACH)


def jail():
    """From now on only the file systems of the working and the temporary directory can be written,
    or, where that is the root's, only the directory; no mount leaves this process, and there is no
    network.  What is unpacked here comes from strangers, and as root."""
    if os.geteuid() != 0:
        raise Missing("root is missing: strangers' trees have owners, and are kept in by mounts")
    here = os.getcwd()
    check(libc.unshare(CLONE_NEWNS | CLONE_NEWNET), "unshare")
    mount(None, "/", None, MS_REC | MS_PRIVATE)
    tops = [own_mount(path) for path in (here, tempfile.gettempdir())]
    attributes("/", AT_RECURSIVE, ATTR_RDONLY, 0)
    for top in tops:
        attributes(top, 0, 0, ATTR_RDONLY)
    os.chdir(here)


def own_mount(path):
    """The mount point above path; if that is the root, path becomes one."""
    top = os.path.realpath(path)
    while not os.path.ismount(top):
        top = os.path.dirname(top)
    if top != "/":
        return top
    mount(path, path, None, MS_BIND | MS_REC)
    return path


def remove(*paths):
    """Remove trees of strangers: of any depth, and never through a mount."""
    subprocess.run(["rm", "-rf", "--one-file-system", "--", *paths], check=True)


@contextlib.contextmanager
def scratch():
    """A new directory for temporary files; gone afterwards, whatever came to be in it."""
    path = tempfile.mkdtemp()
    try:
        yield pathlib.Path(path)
    finally:
        remove(path)


@contextlib.contextmanager
def destination(path, work):
    """The directory to unpack into, and the time when that begins.  Without a path it is the
    working directory, beside which the runner looks for what got out, and which is empty again
    afterwards; if it was not empty before, it is somebody's, and a directory in work serves."""
    ours = not path and not os.listdir()
    out = pathlib.Path(path or (os.getcwd() if ours else work / "unpacked"))
    out.mkdir(exist_ok=True)
    (out / "begin").touch()
    (out / "begin").unlink()
    try:
        yield out, out.stat().st_mtime_ns
    finally:
        if ours:
            remove(*out.iterdir())
            out.chmod(0o755)
            os.chown(out, 0, 0)


def with_parent():
    """In a child: end when the parent ends."""
    libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL)


def said(file):
    """The beginning of what a tool printed."""
    file.seek(0)
    return file.read(SAID_MAX).decode(errors="replace")


def die_like(status):
    """A tool that crashed is an implementation that crashed: never a reject."""
    if status < 0:
        signal.signal(-status, signal.SIG_DFL)
        os.kill(os.getpid(), -status)
    if status == RUST_PANIC:
        os.abort()


def environment(work):
    """Go programs die of a panic by a signal, as others do."""
    return {**os.environ, "GOTRACEBACK": "crash", "TMPDIR": str(work), "HOME": str(work),
            "LC_ALL": "C.UTF-8", "TZ": "UTC"}


def output(*argv):
    """What a program of the system prints, which is expected to do what it is told."""
    return subprocess.run([str(a) for a in argv], check=True, stdout=subprocess.PIPE,
                          text=True).stdout.strip()


def options(work):
    """How a tool is started."""
    return {"cwd": work, "env": environment(work), "preexec_fn": with_parent}


def verdict(status, text, good=(0,), reject=(1,)):
    """What an exit status means: text, Reject, or the end of this process too.

    good, reject: the statuses that say so.  Any other is not for us to understand.
    """
    die_like(status)
    if status in good:
        return text
    if status in reject:
        raise Reject(text or f"exit status {status}")
    raise RuntimeError(f"exit status {status}: {text}")


def run(work, *argv, reject=(1,)):
    """Run a tool in work; its output when it says yes, Reject when it says no."""
    with tempfile.TemporaryFile(dir=work) as out:
        done = subprocess.run([str(a) for a in argv], stdout=out, stderr=out, check=False,
                              stdin=subprocess.DEVNULL, **options(work))
        return verdict(done.returncode, said(out), reject=reject)
