# SPDX-License-Identifier: MIT
"""run, record and what a container sees: the zoo of a small image with one static program."""
import json
import os
import pty
import select
import signal
import subprocess

import embedded
import pytest
from conftest import LAZYPULL, convert, peer, root_only, run, Tar

PROGRAM = r"""
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

extern char **environ;

/* write(), not printf(): the signal may come before fflush() has forgotten what it wrote. */
static void caught(int s) { dprintf(1, "caught %d\n", s); _exit(42); }

int main(int argc, char **argv)
{
	char buf[4096];
	size_t n;
	FILE *f;

	for (int i = 1; i < argc; i++) {
		char *a = argv[i], *v = argv[i] + 2;

		switch (*a) {
		case 'x': exit(atoi(v));
		case 's': raise(atoi(v)); break;
		case 'c': f = fopen(v, "r"); while (f && (n = fread(buf, 1, 4096, f))) fwrite(buf, 1, n, stdout);
			  printf("%s", f ? "" : "cannot open\n"); if (f) fclose(f); break;
		case 'w': f = fopen(v, "w"); printf("%s\n", f ? "written" : "refused"); if (f) fclose(f); break;
		case 'e': for (char **e = environ; *e; e++) puts(*e); break;
		case 'd': puts(getcwd(buf, sizeof(buf))); break;
		case 'u': printf("%d %d %d\n", getuid(), getgid(), getgroups(0, NULL)); break;
		case 'h': gethostname(buf, sizeof(buf)); puts(buf); break;
		case 't': printf("%s\n", isatty(0) ? "terminal" : "no terminal"); break;
		case 'i': while ((n = fread(buf, 1, 1, stdin))) fwrite(buf, 1, 1, stdout); break;
		case 'p': signal(SIGTERM, caught); puts("ready"); fflush(stdout); sleep(60); break;
		case 'z': sleep(atoi(v)); break;
		}
		fflush(stdout);
	}
	return 0;
}
"""

PASSWD = b"root:x:0:0::/root:/bin/sh\nann:x:1234:55:Ann:/home/ann:/bin/sh\n"
GROUP = b"root:x:0:\nstaff:x:55:\nplay:x:77:bob,ann\n"




@pytest.fixture(scope="module")
def images(work):
    """(host, store): the image "legacy", and "lazy" as eStargz."""
    root_only()
    (work / "p.c").write_text(PROGRAM)
    run("cc", "-static", "-Os", "-w", "-o", work / "p", work / "p.c")
    layer = (Tar().add("etc/", kind=b"5").add("etc/passwd", PASSWD).add("etc/group", GROUP)
             .add("p", (work / "p").read_bytes(), mode=0o755)
             .add("plain", b"data")
             .add("big", bytes(range(256)) * 40_000).add("unread", b"never")).bytes()
    root = work / "run-layouts"
    embedded.write_layout(root / "legacy", [layer], config={
        "Entrypoint": ["/p"], "Cmd": ["x:5"], "Env": ["A=1", "B=2"], "WorkingDir": "/etc"})
    convert(root / "legacy", root / "lazy", "--to=estargz")
    with embedded.Registry(root) as registry:
        yield registry.host, work / "run-store"


def lazy(images, *words, options=(), status=0, command="run", image="lazy", **more):
    host, store = images
    return run(LAZYPULL, command, f"--store={store}", *options, f"{host}/{image}", *words,
               status=status, **more)


@pytest.mark.parametrize("mode", ["fuse", "extract"])
@pytest.mark.parametrize("image", ["legacy", "lazy"])
def test_modes(images, mode, image):
    out = lazy(images, "c:/plain", "w:/new", "w:/plain", options=[f"--mount={mode}"], image=image)
    assert out == "datawritten\nwritten\n"
    assert "data" in lazy(images, "c:/plain", options=[f"--mount={mode}"], image=image)


@pytest.mark.parametrize("words, status", [
    ([], 5), (["x:0"], 0), (["x:3"], 3), (["x:255"], 255)])
def test_status(images, words, status):
    lazy(images, *words, status=status)


@pytest.mark.parametrize("options, status", [
    (["--entrypoint=/nothing"], 127), (["--entrypoint=/plain"], 126),
    (["--entrypoint=/etc"], 126), (["--user=nobody"], 125), (["--bogus"], 125),
    (["-v", "nowhere:/x"], 125), (["-w", "relative"], 125)])
def test_failures(images, options, status):
    lazy(images, options=options, status=status)


def test_unknown_image(images):
    lazy(images, image="nothing", status=125)
    lazy(images, image="nothing", options=["--pull=never"], status=125)


def test_environment(images):
    out = lazy(images, "e", options=["-e", "B=3", "-e", "FROM_HERE", "-e", "NOT_SET",
                                     "--hostname=box"], env={**os.environ, "FROM_HERE": "x"})
    lines = set(out.splitlines())
    assert {"A=1", "B=3", "FROM_HERE=x", "HOSTNAME=box", "HOME=/root"} <= lines
    assert not any(line.startswith(("B=2", "NOT_SET")) for line in lines)
    assert any(line.startswith("PATH=/usr/local/sbin:") for line in lines)


def test_identity(images):
    assert lazy(images, "u", "d", "h", options=["--hostname=box"]) == "0 0 0\n/etc\nbox\n"
    assert lazy(images, "u", options=["-u", "ann"]) == "1234 55 1\n"
    assert lazy(images, "u", options=["-u", "ann:play"]) == "1234 77 0\n"
    assert lazy(images, "u", options=["-u", "1234"]) == "1234 55 0\n"
    assert lazy(images, "u", options=["-u", "9:8"]) == "9 8 0\n"
    assert "HOME=/home/ann" in lazy(images, "e", options=["-u", "ann"])
    assert lazy(images, "d", options=["-w", "/made/up"]) == "/made/up\n"


def test_volumes(images, tmp_path):
    (tmp_path / "f").write_text("outside")
    out = lazy(images, "c:/v/f", "w:/v/new", "w:/r/new", cwd=tmp_path,
               options=["-v", ".:/v", "-v", f"{tmp_path}:/r:ro"])
    assert out == "outsidewritten\nrefused\n" and (tmp_path / "new").exists()
    assert lazy(images, "w:/x", options=["--read-only"]) == "refused\n"


def test_network(images):
    assert lazy(images, "c:/proc/net/dev", options=["--net=none"]).count(":") == 1
    assert "c:/etc/hosts" and lazy(images, "c:/etc/hosts", options=["--net=none"]) == "cannot open\n"
    assert lazy(images, "c:/etc/hosts") == open("/etc/hosts").read()


def test_standard_input(images):
    assert lazy(images, "i", options=["-i"], input="through\n") == "through\n"
    assert lazy(images, "i", input="not through\n") == ""


def test_signals(images):
    host, store = images
    p = subprocess.Popen([LAZYPULL, "run", f"--store={store}", f"{host}/lazy", "p"],
                         stdout=subprocess.PIPE, text=True)
    assert p.stdout.readline() == "ready\n"
    p.send_signal(signal.SIGTERM)
    assert p.communicate(timeout=20)[0] == f"caught {signal.SIGTERM.value}\n"
    assert p.returncode == 42


def test_terminal(images):
    host, store = images
    pid, master = pty.fork()
    if not pid:
        os.execv(LAZYPULL, [LAZYPULL, "run", "-it", f"--store={store}", f"{host}/lazy", "t", "x:9"])
    seen = b""
    while select.select([master], [], [], 20)[0]:
        try:
            seen += os.read(master, 4096)
        except OSError:
            break
    status = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    os.close(master)
    assert (seen, status) == (b"terminal\r\n", 9)


def test_events(images):
    read, write = os.pipe()
    lazy(images, "x:0", options=[f"--events={write}"], pass_fds=[write])
    os.close(write)
    with open(read) as f:
        events = [json.loads(line) for line in f]
    assert [e["event"] for e in events] == ["request", "resolved", "rootfs", "overlay", "bundle",
                                            "created", "started", "exited"]
    assert [e["ns"] for e in events] == sorted(e["ns"] for e in events)


def test_background_is_told(images, tmp_path):
    """With --background=on, "local" comes when everything is there, and the store needs nobody."""
    host, _ = images
    store = tmp_path / "store"
    read, write = os.pipe()
    run(LAZYPULL, "run", f"--store={store}", "--background=on", f"--events={write}",
        f"{host}/lazy", "x:0", pass_fds=[write])
    os.close(write)
    with open(read) as f:
        assert "local" in [json.loads(line)["event"] for line in f]
    run(LAZYPULL, "run", f"--store={store}", "--creds=a:b", "--pull=never", f"{host}/lazy", "c:/plain")


def test_record(images, tmp_path):
    listed = tmp_path / "list"
    out = lazy(images, "c:/plain", "x:6", options=["-o", listed], command="record", status=6)
    lines = listed.read_text().splitlines()
    assert "lines" in out and lines[0].split("\t")[0] == "p" and "plain" in lines
    assert not any("unread" in line or "big" in line for line in lines)
    assert lazy(images, "c:/plain", options=["--prefetch=wait", f"--prefetch-list={listed}"]) == "data"
    lazy(images, command="record", status=125)


def test_nothing_is_left(images):
    host, store = images
    before = open("/proc/self/mountinfo").read()
    lazy(images, "w:/new")
    assert open("/proc/self/mountinfo").read() == before
    assert not [p for p in (store / "tmp").iterdir() if p.is_dir()]


def test_many_at_once(images, tmp_path):
    """A cold store, one keeper, eight containers."""
    host, _ = images
    argv = [LAZYPULL, "run", f"--store={tmp_path / 'store'}", f"{host}/lazy", "c:/plain"]
    running = [subprocess.Popen(argv, stdout=subprocess.PIPE, text=True) for _ in range(8)]
    assert [p.communicate(timeout=60)[0] for p in running] == ["data"] * 8
    assert [p.returncode for p in running] == [0] * 8


@pytest.mark.parametrize("runtime", ["crun", "runc"])
def test_runtimes(images, tmp_path, runtime):
    """Only one of the two is installed."""
    (tmp_path / runtime).symlink_to(peer(runtime))
    env = {**os.environ, "PATH": str(tmp_path)}
    assert lazy(images, "c:/plain", "u", "x:4", options=["-u", "ann"], status=4, env=env) == ""
    assert lazy(images, "c:/plain", "h", options=["--hostname=b"], env=env) == "datab\n"
    lazy(images, options=["--entrypoint=/nothing"], status=127, env=env)
    lazy(images, options=["--entrypoint=/plain"], status=126, env=env)
    lazy(images, status=125, env={**os.environ, "PATH": "/nonexistent"})


def test_store_replaced(images, tmp_path):
    """A keeper whose store is gone makes room for the next one's at once."""
    host, _ = images
    store = tmp_path / "store"
    for n in range(3):
        assert run(LAZYPULL, "run", f"--store={store}", f"{host}/lazy", "c:/plain") == "data"
        store.rename(tmp_path / f"old{n}")


def test_unpacked_is_kept(images, tmp_path):
    """Once unpacked, no registry is asked; prune leaves what is mounted, and takes the rest."""
    host, _ = images
    mine = f"--store={tmp_path}/store"
    options = [mine, "--mount=extract"]
    image, at = f"{host}/legacy", tmp_path / "at"
    run(LAZYPULL, "run", *options, "--pull=never", image, status=125)
    run(LAZYPULL, "pull", *options, image)
    assert json.loads(run(LAZYPULL, "ls", mine, "--json"))["unpacked"] is True
    assert run(LAZYPULL, "run", *options, "--pull=never", image, "c:/plain") == "data"
    at.mkdir()
    run(LAZYPULL, "mount", *options, "--pull=never", image, at)
    try:
        run(LAZYPULL, "prune", mine)
        assert (at / "plain").read_bytes() == b"data"
    finally:
        run("umount", at)
    p = subprocess.Popen([LAZYPULL, "run", *options, "--pull=never", image, "p"],
                         stdout=subprocess.PIPE, text=True)
    assert p.stdout.readline() == "ready\n"
    run(LAZYPULL, "prune", mine)
    p.send_signal(signal.SIGTERM)
    assert p.communicate(timeout=20)[0] == f"caught {signal.SIGTERM.value}\n"
    assert len(list((tmp_path / "store/layers").iterdir())) == 1
    run(LAZYPULL, "prune", mine)
    assert not list((tmp_path / "store/layers").iterdir())
    assert not list((tmp_path / "store/unpacked").iterdir())
