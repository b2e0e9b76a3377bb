# SPDX-License-Identifier: MIT
"""containerd with the stargz snapshotter, in a directory of its own, for a with statement."""
import os
import pathlib
import socket
import subprocess
import time

from conftest import PEERS, peer, run

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

[proxy_plugins.stargz]
type = "snapshot"
address = "{dir}/stargz.sock"
"""

STARGZ = """
no_background_fetch = true
[[resolver.host."{host}".mirrors]]
host = "{host}"
insecure = true
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


class Containerd:
    def __init__(self, directory, host):
        self.dir, self.host = pathlib.Path(directory), host
        self.env = {**os.environ, "PATH": f"{PEERS}:{os.environ['PATH']}",
                    "CONTAINERD_DISABLE_IGZIP": "1", "CONTAINERD_DISABLE_PIGZ": "1"}

    def start(self, name, *argv):
        log = open(self.dir / f"{name}.log", "ab")
        return subprocess.Popen([peer(name), *argv], stdout=log, stderr=log, env=self.env)

    def __enter__(self):
        self.dir.mkdir(parents=True, exist_ok=True)
        (self.dir / "containerd.toml").write_text(CONFIG.format(dir=self.dir))
        (self.dir / "stargz.toml").write_text(STARGZ.format(host=self.host))
        self.stargz = self.start("stargzd", "-address", f"{self.dir}/stargz.sock", "-root",
                                 f"{self.dir}/stargz", "-config", f"{self.dir}/stargz.toml")
        wait_for(self.dir / "stargz.sock", self.stargz)
        self.containerd = self.start("containerd", "-c", f"{self.dir}/containerd.toml")
        wait_for(self.dir / "containerd.sock", self.containerd)
        return self

    def __exit__(self, *why):
        for process in (self.containerd, self.stargz):
            process.terminate()
            process.wait(timeout=60)

    def drive(self, *argv):
        return run(peer("ctdrive"), "-address", f"{self.dir}/containerd.sock", *argv, env=self.env)
