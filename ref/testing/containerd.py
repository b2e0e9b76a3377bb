# SPDX-License-Identifier: MIT
"""containerd with a remote snapshotter, in a directory of its own, for a with statement."""
import contextlib
import json
import os
import pathlib
import shlex
import signal
import socket
import subprocess
import tempfile
import time

from conftest import PEERS, peer, run, tree

CONFIG = """
version = 3
root = "{dir}/root"
state = "{dir}/state"
disabled_plugins = ["io.containerd.cri.v1.images", "io.containerd.cri.v1.runtime",
  "io.containerd.grpc.v1.cri", "io.containerd.internal.v1.tracing",
  "io.containerd.tracing.processor.v1.otlp", "io.containerd.snapshotter.v1.blockfile",
  "io.containerd.snapshotter.v1.devmapper", "io.containerd.snapshotter.v1.zfs",
  "io.containerd.snapshotter.v1.btrfs", "io.containerd.nri.v1.nri"]

[grpc]
address = "{dir}/containerd.sock"

[proxy_plugins.{name}]
type = "snapshot"
address = "{dir}/{name}.sock"
"""

STARGZ = """
no_background_fetch = true
[[resolver.host."{host}".mirrors]]
host = "{host}"
insecure = true
"""

# The empty directory of mirrors and the switched off cgroup: neither is a machine's business here.
NYDUS = """
version = 1
root = "{dir}/nydus"
address = "{dir}/nydus.sock"
daemon_mode = "dedicated"
cleanup_on_close = true

[system]
address = "{dir}/nydus-system.sock"

[daemon]
nydusd_config = "{dir}/nydusd.json"
nydusd_path = "{dir}/nydusd"
nydusimage_path = "{image}"
fs_driver = "fusedev"
recover_policy = "none"

[cgroup]
enable = false

[log]
log_to_stdout = true

[metrics]
address = ""

[remote.mirrors_config]
dir = ""

[snapshot]
sync_remove = true
"""

# No read beyond what is asked for, nor before it: what moves says what was needed.
NYDUSD = {
    "device": {"backend": {"type": "registry", "config": {"scheme": "http", "skip_verify": True}},
               "cache": {"type": "blobcache"}},
    "mode": "direct", "enable_xattr": True, "amplify_io": 0, "fs_prefetch": {"enable": False},
}

# nydusd wants a million files open, which a container may not; the snapshotter cannot tell it so.
# The number of each process that serves an image stays behind.
WRAPPER = """#!/bin/sh
case $1 in
fuse)
	shift
	echo $$ >>{dir}/nydusd.pids
	exec {nydusd} fuse --rlimit-nofile 0 "$@" ;;
esac
exec {nydusd} "$@"
"""


def wait_for(path, process):
    """Until somebody listens at the socket, or its process has ended."""
    end = time.monotonic() + 60
    while time.monotonic() < end:
        with socket.socket(socket.AF_UNIX) as s:
            if s.connect_ex(str(path)) == 0:
                return
        assert process.poll() is None, f"the server of {path} has ended"
        time.sleep(0.02)
    raise AssertionError(f"{path}: nobody listens")


def end(process):
    process.terminate()
    process.wait(timeout=60)


class Containerd:
    """containerd; a subclass starts its snapshotter, which listens at "name.sock"."""

    def __init__(self, directory, host):
        self.dir, self.host = pathlib.Path(directory), host
        self.env = {**os.environ, "PATH": f"{PEERS}:{os.environ['PATH']}",
                    "CONTAINERD_DISABLE_IGZIP": "1", "CONTAINERD_DISABLE_PIGZ": "1"}

    def start(self, name, program, *argv):
        """Start a program and wait till it listens; it ends with the with statement."""
        with open(self.dir / f"{name}.log", "ab") as log:
            process = subprocess.Popen([peer(program), *argv], stdout=log, stderr=log, env=self.env)
        self.stack.callback(end, process)
        wait_for(self.dir / f"{name}.sock", process)

    def __enter__(self):
        self.dir.mkdir(parents=True, exist_ok=True)
        (self.dir / "containerd.toml").write_text(CONFIG.format(dir=self.dir, name=self.name))
        with contextlib.ExitStack() as self.stack:
            self.stack.callback(self.unmount)
            self.start_snapshotter()
            self.start("containerd", "containerd", "-c", f"{self.dir}/containerd.toml")
            self.stack = self.stack.pop_all()
        return self

    def __exit__(self, *why):
        self.stack.close()

    def unmount(self):
        """What programs that died have left mounted, the last first."""
        mounts = pathlib.Path("/proc/self/mounts").read_text().splitlines()
        for at in reversed([line.split()[1] for line in mounts]):
            if at.startswith(f"{self.dir}/"):
                subprocess.run(["umount", "-l", at], stderr=subprocess.DEVNULL, check=False)

    def drive(self, *argv):
        return run(peer("ctdrive"), "-address", f"{self.dir}/containerd.sock", *argv, env=self.env)

    @property
    def lazily(self):
        """What tells ctdrive to use the snapshotter."""
        return "-snapshotter", self.name, "-lazy"

    def tree(self, image, *options):
        """The tree of an image, as it looks when it is mounted."""
        at = pathlib.Path(tempfile.mkdtemp(prefix="at-", dir=self.dir))
        self.drive(*options, "mount", image, at)
        try:
            return tree(f"dir:{at}", self.dir / "store")
        finally:
            subprocess.run(["umount", at], check=True)

    def content(self):
        """The digests in the content store."""
        blobs = self.dir / "root" / "io.containerd.content.v1.content" / "blobs" / "sha256"
        return {f"sha256:{path.name}" for path in blobs.iterdir()}


class Stargz(Containerd):
    name = "stargz"

    def start_snapshotter(self):
        (self.dir / "stargz.toml").write_text(STARGZ.format(host=self.host))
        self.start("stargz", "stargzd", "-address", f"{self.dir}/stargz.sock", "-root",
                   f"{self.dir}/stargz", "-config", f"{self.dir}/stargz.toml")


class Nydus(Containerd):
    name = "nydus"

    def start_snapshotter(self):
        (self.dir / "nydus.toml").write_text(NYDUS.format(dir=self.dir, image=peer("nydus-image")))
        (self.dir / "nydusd.json").write_text(json.dumps(NYDUSD))
        wrapper = self.dir / "nydusd"
        wrapper.write_text(WRAPPER.format(dir=shlex.quote(str(self.dir)),
                                          nydusd=shlex.quote(peer("nydusd"))))
        wrapper.chmod(0o755)
        self.stack.callback(self.end_nydusd)
        self.start("nydus", "containerd-nydus-grpc", "--config", f"{self.dir}/nydus.toml")

    def serving(self):
        """The processes of nydusd that live."""
        pids = self.dir / "nydusd.pids"
        numbers = map(int, pids.read_text().split()) if pids.exists() else []
        return [pid for pid in numbers if f"{self.dir}/" in command_line(pid)]

    def end_nydusd(self):
        """A snapshotter that died leaves them behind."""
        for pid in self.serving():
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGTERM)


def command_line(pid):
    try:
        return pathlib.Path(f"/proc/{pid}/cmdline").read_text()
    except OSError:                                     # it has ended
        return ""
