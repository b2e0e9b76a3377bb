# SPDX-License-Identifier: MIT
"""The image of the figures, a whole Debian: the same files in every format, by us and by nydusd."""
import hashlib
import os
import subprocess
import pathlib
import tarfile
import urllib.parse

import embedded
import nydus
import pytest
from conftest import (LAZYPULL, TOP, convert, kernel_only, layers_of, lines_of, peer, root_only,
                      run, tree)
from servers import Nginx
from test_mount import Mount, status, until

FORMATS = ["estargz", "rafs5", "rafs6"]


@pytest.fixture(scope="module")
def python():
    layout = pathlib.Path(os.environ.get("CORPORA", TOP / "build" / "corpora")) / "python"
    if not layout.is_dir():
        pytest.skip("the image python is missing (corpora/make.py python)")
    return layout


@pytest.fixture(scope="module")
def images(python, work):
    """{format: layout}"""
    return {to: convert(python, work / f"python-{to}", f"--to={to}") for to in FORMATS}


@pytest.fixture(scope="module")
def legacy_tree(python, work):
    return tree(f"oci:{python}", work / "store")


def unpacked(layout):
    """{path: SHA-256 of the file or target of the link}, as Python's tar reader sees the layers."""
    found = {}
    for path, _ in layers_of(layout):
        with tarfile.open(path) as tar:
            for entry in tar:
                name = entry.name.strip("./")
                assert "/.wh." not in f"/{name}", "this reads no whiteouts"
                if entry.issym():
                    found[name] = entry.linkname
                elif entry.islnk():
                    found[name] = found[entry.linkname.strip("./")]
                elif entry.isreg():
                    found[name] = hashlib.sha256(tar.extractfile(entry).read()).hexdigest()
    return found


def contents(text):
    """The same of a canonical tree, which escapes names as URLs do."""
    lines = {line["p"]: line for line in lines_of(text)}
    found = {path: line.get("l") or lines[line.get("hl", path)]["d"].removeprefix("sha256:")
             for path, line in lines.items() if line["t"] in ("reg", "symlink")}
    return {urllib.parse.unquote(path): urllib.parse.unquote(what) for path, what in found.items()}


def test_our_tree_is_what_the_layers_hold(python, legacy_tree):
    assert contents(legacy_tree) == unpacked(python)


@pytest.mark.parametrize("to", FORMATS)
def test_every_format_has_the_same_tree(to, images, legacy_tree, work):
    assert tree(f"oci:{images[to]}", work / "store") == legacy_tree


@pytest.mark.parametrize("version", [5, 6])
def test_nydusd_serves_every_file(version, images, legacy_tree, tmp_path, work):
    root_only()
    image, _ = peer("nydus-image"), peer("nydusd")
    boot, blobs = nydus.parts(images[f"rafs{version}"])
    (tmp_path / "checked").write_bytes(boot)
    run(image, "check", "-l", "warn", "-B", tmp_path / "checked")
    with nydus.Nydusd(tmp_path, boot, blobs) as at:
        served = tree(f"dir:{at}", work / "store")
    assert lines_of(served) == lines_of(legacy_tree)


def blob_traffic(registry, layout):
    """Requests, and bytes of blobs in them by what all of them have."""
    log = registry.log()
    sizes = {d["digest"]: d["size"] for _, d in layers_of(layout)}
    sent = sum(r["body_bytes"] for r in log if r["path"].split("/")[-1] in sizes)
    return len(log), sent / sum(sizes.values())


@pytest.mark.parametrize("to", ["estargz", "rafs6"])
def test_a_cold_scan_is_cheap(to, images, tmp_path):
    """Every file once, nothing local: the read-ahead grows until requests are few."""
    root_only()
    at = tmp_path / "at"
    at.mkdir()
    with embedded.Registry(layouts=[f"python={images[to]}"], log=tmp_path / "log") as r:
        run(LAZYPULL, "mount", f"--store={tmp_path}/store", "--mount=fuse", "--prefetch=none",
            f"{r.host}/python:latest", at)
        try:
            subprocess.run(["find", at, "-type", "f", "-exec", "cat", "{}", "+"], check=True,
                           stdout=subprocess.DEVNULL)
        finally:
            run(LAZYPULL, "umount", at)
        requests, share = blob_traffic(r, images[to])
    assert requests <= 80 and share <= 1.02


@pytest.mark.parametrize("to", ["estargz", "rafs6"])
def test_a_complete_pull_is_cheap(to, images, tmp_path):
    """Few requests, each byte once, and no more of the disk than the files need."""
    with embedded.Registry(layouts=[f"python={images[to]}"], log=tmp_path / "log") as r:
        run(LAZYPULL, "pull", "--complete", f"--store={tmp_path}/store", f"{r.host}/python:latest")
        requests, share = blob_traffic(r, images[to])
    assert requests <= 20 and share <= 1.005
    devices = [p.stat() for p in (tmp_path / "store").glob("devices/*/data")]
    assert sum(512 * s.st_blocks for s in devices) <= 1.05 * sum(s.st_size for s in devices)


def test_a_complete_pull_without_ranges(images, tmp_path):
    """Where every answer is the whole blob, there is one for each, and one for each tail."""
    with embedded.Registry(layouts=[f"python={images['estargz']}"], knobs=["whole"],
                           log=tmp_path / "log") as r:
        run(LAZYPULL, "pull", "--complete", f"--store={tmp_path}/store", f"{r.host}/python:latest")
        _, share = blob_traffic(r, images["estargz"])
    assert share <= 2.01


def resident(store):
    s = status(store)
    return s["keeper_rss_anon_bytes"] + s["worker_rss_anon_bytes"]


def start_python(at):
    subprocess.run(["chroot", at, "python3", "-c", "import ssl, json, sqlite3"], check=True)


@pytest.mark.parametrize("mode", ["kernel", "fuse"])
def test_what_stays_in_memory(mode, images, tmp_path):
    """Keeper and worker after a start, and what a second image adds."""
    root_only()
    if mode == "kernel":
        kernel_only()
    store, layouts = tmp_path / "s", [f"{to}={images[to]}" for to in ("rafs6", "estargz")]
    with embedded.Registry(layouts=layouts) as r, \
            Mount(store, f"{r.host}/rafs6:latest", tmp_path / "a", f"--mount={mode}") as a:
        start_python(a.at)
        until(lambda: resident(store) <= 5 << 20)
        one = resident(store)
        with Mount(store, f"{r.host}/estargz:latest", tmp_path / "b", f"--mount={mode}") as b:
            start_python(b.at)
            until(lambda: resident(store) <= one + (1 << 20))
            run(LAZYPULL, "umount", b.at)
        run(LAZYPULL, "umount", a.at)


def test_what_stays_in_memory_behind_tls(images, tmp_path):
    peer("nginx")
    root_only()
    front, store = Nginx(tmp_path, True), tmp_path / "s"
    with embedded.Registry(layouts=[f"rafs6={images['rafs6']}"]) as r, front.serve(r), \
            Mount(store, f"{front.host}/rafs6:latest", tmp_path / "a",
                  f"--ca-file={front.ca}") as a:
        start_python(a.at)
        until(lambda: resident(store) <= 7 << 20)
        run(LAZYPULL, "umount", a.at)
