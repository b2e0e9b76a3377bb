# SPDX-License-Identifier: MIT
"""mount and run without privileges: an ordinary user, in user namespaces, with a store of its own."""
import gzip
import json
import os
import pathlib
import shutil
import signal
import subprocess
import tempfile
import time

import embedded
import pytest
from conftest import LAZYPULL, lines_of, root_only, run, Tar
from test_run import PROGRAM

UID = 4242      # nobody's

# A /dev/fuse that everybody may open, as udev makes it, in a mount namespace of ours.
OUTSIDE = """
mount -t tmpfs -o mode=755 none "$1" && mknod -m "$2" "$1/fuse" c 10 229 &&
mount --bind "$1/fuse" /dev/fuse && umount -l "$1" && shift 2 &&
exec setpriv --reuid "$0" --regid "$0" --clear-groups "$@"
"""


class User:
    """An ordinary user with a home, a program and images in it."""

    def __init__(self, home):
        self.home, self.program = home, home / "lazypull"
        self.env = {"PATH": os.environ["PATH"], "HOME": str(home),
                    "XDG_RUNTIME_DIR": str(home / "run")}

    def argv(self, *words, fuse="666", namespace=True):
        inside = ["unshare", "-Urm"] if namespace else []
        return ["unshare", "-m", "sh", "-c", OUTSIDE, str(UID), str(self.home / "dev"), fuse,
                *inside, *[str(w) for w in words]]

    def call(self, *words, status=0, env={}, **more):
        """Run a program as the user; what it wrote to stdout, or to stderr where it failed."""
        return run(*self.argv(*words, **more), status=status, cwd=self.home,
                   env={**self.env, **env})

    def sh(self, script, **more):
        return self.call("sh", "-ec", script, **more)

    def keepers(self):
        """The process ids of keepers that live."""
        locks = (self.home / "run").glob("lazypull/*/keeper*.lock")
        return [p for p in (lock.read_text().strip() for lock in locks)
                if p and pathlib.Path(f"/proc/{p}").exists()]


def write_image(home, name, layer, **config):
    embedded.write_layout(home / name, [gzip.compress(layer, mtime=0)], config=config,
                          media_type="application/vnd.oci.image.layer.v1.tar+gzip",
                          diff_ids=[embedded.digest(layer)])


@pytest.fixture
def user(work, zoo):
    root_only()
    home = pathlib.Path(tempfile.mkdtemp(prefix="lazypull-user"))
    u = User(home)
    shutil.copy(LAZYPULL, u.program)
    shutil.copytree(zoo, home / "zoo")
    (work / "user.c").write_text(PROGRAM)
    run("cc", "-static", "-Os", "-w", "-o", work / "user", work / "user.c")
    write_image(home, "tool", Tar().add("d/", kind=b"5").add("d/old", b"old").add("plain", b"data")
                .add("p", (work / "user").read_bytes(), mode=0o755).bytes(), Entrypoint=["/p"])
    for d in ("at", "dev", "run"):
        (home / d).mkdir(mode=0o700)
    run("chown", "-R", f"{UID}:{UID}", home)
    home.chmod(0o755)
    if subprocess.run(u.argv("true")).returncode:
        pytest.skip("an ordinary user may not make user namespaces here")
    yield u
    end = time.monotonic() + 20
    while u.keepers() and time.monotonic() < end:
        time.sleep(0.02)
    stayed = u.keepers()
    for p in stayed:
        os.kill(int(p), signal.SIGTERM)
    shutil.rmtree(home)
    assert not stayed, "a keeper stays behind"


def test_mount(user):
    """All of an image; whoever is not mapped is 65534."""
    out = user.sh("./lazypull mount oci:zoo at; ./lazypull tree --digests dir:at; "
                  "./lazypull status --json >status; ./lazypull umount at")
    said = lines_of(user.call(user.program, "tree", "--digests", "oci:zoo"))
    assert lines_of(out) == [{**line, "u": line["u"] and 65534, "g": line["g"] and 65534}
                             for line in said]
    assert json.loads((user.home / "status").read_text())["mounts"][0]["mode"] == "fuse"


def test_places(user):
    """The store and what lives are the user's, by the variables of XDG."""
    user.sh("./lazypull run oci:tool c:/plain")
    assert (user.home / ".local/share/lazypull/names.json").exists()
    user.sh("./lazypull run oci:tool c:/plain", env={"XDG_DATA_HOME": str(user.home / "data")})
    assert (user.home / "data/lazypull/names.json").exists()
    assert len(list((user.home / "run/lazypull").glob("*/keeper.*.lock"))) == 2
    assert user.sh("./lazypull pull oci:tool", namespace=False)


@pytest.mark.parametrize("options", ["", "--net=none", "--mount=extract"])
def test_run(user, options):
    """One namespace after the other, at once: each has its keeper."""
    for _ in range(2):
        out = user.sh(f"./lazypull run {options} oci:tool c:/plain w:/new w:/plain w:/d/old w:/d/new u")
        assert out == "data" + "written\n" * 4 + "0 0 0\n"
    user.sh(f"./lazypull run {options} oci:tool x:7", status=7)
    assert not list((user.home / ".local/share/lazypull/tmp").glob("[!l]*"))


def test_two_namespaces(user):
    """Two at the same time share the store, and no mount."""
    script = "./lazypull mount oci:zoo at; echo ready; read x; cat at/d/small; ./lazypull umount at"
    both = [subprocess.Popen(user.argv("sh", "-ec", script), cwd=user.home, env=user.env, text=True,
                             stdin=subprocess.PIPE, stdout=subprocess.PIPE) for _ in range(2)]
    assert [p.stdout.readline() for p in both] == ["ready\n"] * 2
    assert len(user.keepers()) == 2
    assert [p.communicate("\n", timeout=20)[0] for p in both] == ["another\n"] * 2


def test_overlay(user):
    """A writable overlay of the user's above the mount: what it hides is hidden."""
    out = user.sh("mkdir up work; ./lazypull mount oci:zoo at; mount -t overlay none at "
                  "-o lowerdir=at,upperdir=up,workdir=work,userxattr; rm -r at/opaque; "
                  "mkdir at/opaque; ls at/opaque; cat at/d/small; echo more >>at/caps; "
                  "cat at/caps; umount at; ./lazypull umount at")
    assert out == "another\n#!more\n"


def test_not_allowed(user):
    """Outside of a namespace there are no mounts, and nothing was begun."""
    for words in (["mount", "oci:zoo", "at"], ["run", "oci:tool"]):
        err = user.call(user.program, *words, namespace=False, status=3 if "mount" in words else 125)
        assert "unshare -Urm" in err
    assert not (user.home / ".local").exists() and not list((user.home / "run").iterdir())


def test_choice(user):
    """FUSE, or the image is unpacked where /dev/fuse is closed; one line says why."""
    for fuse, why in (("666", "--mount=fuse: "), ("600", "--mount=extract: ")):
        done = subprocess.run(user.argv(user.program, "run", "oci:tool", "c:/plain", fuse=fuse),
                              cwd=user.home, env=user.env, capture_output=True, text=True)
        assert (done.returncode, done.stdout) == (0, "data")
        said = [line for line in done.stderr.splitlines() if line.startswith("lazypull:")]
        assert len(said) == 1 and why in said[0] and (fuse == "666" or "/dev/fuse" in said[0])
    err = user.call(user.program, "mount", "--mount=fuse", "oci:tool", "at", fuse="600", status=3)
    assert "/dev/fuse" in err
    assert not list((user.home / ".local/share/lazypull/tmp").glob("[!l]*"))
