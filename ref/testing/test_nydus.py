# SPDX-License-Identifier: MIT
"""Images of Nydus: we read what strangers write, and write what strangers write, byte for byte."""
import ctypes
import os
import pathlib
import struct
import tarfile

import embedded
import nydus
import pytest
from conftest import (LAZYPULL, TOP, Tar, convert, lines_of, peer, root_only, run, tree,
                      whole_seconds, zoo_layers)

MS_RDONLY = 1
GOLDEN = TOP / "ref" / "testing" / "golden"


@pytest.fixture(scope="module")
def store(work):
    return work / "nydus-store"


@pytest.fixture(scope="module")
def zoo_tree(zoo, store):
    """nydus-image drops fractions of seconds in tars."""
    return whole_seconds(lines_of(tree(f"oci:{zoo}", store)))


def wrapped(work, version, blob=None, boot=None):
    boot = boot or (GOLDEN / f"nydus-v{version}.boot").read_bytes()
    return nydus.write_layout(work, boot, [blob or (GOLDEN / f"nydus-v{version}.blob").read_bytes()],
                              version)


@pytest.mark.parametrize("version", [5, 6])
def test_golden_is_its_tar(version, tmp_path):
    embedded.write_layout(tmp_path / "tar", [(GOLDEN / "in-nydus.tar").read_bytes()])
    layout = wrapped(tmp_path / "nydus", version)
    store = tmp_path / "store"
    assert lines_of(tree(f"oci:{layout}", store)) == lines_of(tree(f"oci:{tmp_path}/tar", store))


@pytest.mark.parametrize("digester", ["sha256", "blake3"])
@pytest.mark.parametrize("compressor", ["none", "lz4_block", "zstd"])
@pytest.mark.parametrize("version,options", [(5, ()), (5, ("--aligned-chunk",)), (6, ()),
                                             (6, ("--features", "blob-toc"))],
                         ids=["v5", "v5-aligned", "v6", "v6-toc"])
def test_we_read_what_nydus_image_writes(version, options, compressor, digester, tmp_path, store,
                                         zoo_tree):
    boot, blobs = nydus.create(tmp_path / "work", zoo_layers(), version, "--compressor", compressor,
                               "--digester", digester, *options)
    layout = nydus.write_layout(tmp_path / "image", boot, blobs, version)
    assert lines_of(tree(f"oci:{layout}", store)) == zoo_tree


@pytest.mark.parametrize("version", [5, 6])
def test_a_changed_byte_of_the_blob_is_refused(version, tmp_path):
    blob = bytearray((GOLDEN / f"nydus-v{version}.blob").read_bytes())
    layout = wrapped(tmp_path / "image", version)
    path = next(p for p in (layout / "blobs" / "sha256").iterdir() if p.read_bytes() == bytes(blob))
    blob[5361] ^= 1                                   # of "hello"
    path.write_bytes(blob)
    failed = run(LAZYPULL, "cat", f"--store={tmp_path}/store", f"oci:{layout}", "/small", status=1)
    assert "layer.chunk.digest" in failed


@pytest.mark.parametrize("version", [5, 6])
def test_a_changed_byte_of_the_bootstrap_layer_is_refused(version, tmp_path):
    layout = wrapped(tmp_path / "image", version)
    paths = {p: p.read_bytes() for p in pathlib.Path(layout / "blobs" / "sha256").iterdir()}
    path, data = next((p, d) for p, d in paths.items() if d.startswith(b"\x1f\x8b"))
    path.write_bytes(data[:-1] + bytes([data[-1] ^ 1]))
    failed = run(LAZYPULL, "tree", f"--store={tmp_path}/store", f"oci:{layout}", status=1)
    assert "oci.layer.digest" in failed or "codec.gzip" in failed


def test_a_bootstrap_of_another_image_is_refused(tmp_path):
    layout = wrapped(tmp_path / "image", 6, blob=b"another")
    failed = run(LAZYPULL, "tree", f"--store={tmp_path}/store", f"oci:{layout}", status=1)
    assert "rafs.blob.missing" in failed


COMPRESSORS = ["none", "lz4_block", "zstd"]


def plain_layers():
    """Layers whose bootstraps are determined: whole seconds, at most one xattr a file, no link
    that sorts before what it links to."""
    low = (Tar().add("a/", kind=tarfile.DIRTYPE, uid=7, gid=8, mode=0o700)
           .add("a/big", bytes(range(256)) * 20_000)
           .add("a/copy", bytes(range(256)) * 4_096)                # the first chunk of it
           .add("a/empty").add("a/small", b"hello\n", mode=0o4755)
           .add("a/zlink", kind=tarfile.LNKTYPE, linkname="a/small", mode=0o4755)
           .add("a/to", kind=tarfile.SYMTYPE, linkname="x" * 300, mode=0o777)
           .add("fifo", kind=tarfile.FIFOTYPE, mode=0o600)
           .add("disk", kind=tarfile.BLKTYPE, devmajor=259, devminor=300)
           .add("x", b"#!", pax_headers={"SCHILY.xattr.security.capability": "0123"})
           .add("gone/", kind=tarfile.DIRTYPE).add("gone/a", b"a").add("gone/b", b"b")
           .add("opaque/", kind=tarfile.DIRTYPE).add("opaque/old", b"old"))
    for i in range(500):                                            # names in several blocks
        low.add(f"many-{i % 3}/" + f"{i:03d}" * (i % 20 + 1), bytes([i % 251]) * (i * 7))
    high = (Tar().add("gone/", kind=tarfile.DIRTYPE).add("gone/.wh.a")
            .add("opaque/", kind=tarfile.DIRTYPE).add("opaque/.wh..wh..opq")
            .add("opaque/new", b"new").add("a/", kind=tarfile.DIRTYPE, mode=0o755)
            .add("a/big", b"smaller").add(".wh.fifo"))
    return [low.bytes(), Tar().add("only/", kind=tarfile.DIRTYPE).bytes(), high.bytes()]


@pytest.fixture(scope="module")
def plain(work):
    layout = work / "plain-layers"
    embedded.write_layout(layout, plain_layers())
    return layout


def ours(plain, target, version, compressor, digester, *options):
    return convert(plain, target, f"--to=rafs{version}", f"--compressor={compressor}",
                   f"--digester={digester}", *options)


@pytest.mark.parametrize("digester", ["sha256", "blake3"])
@pytest.mark.parametrize("compressor", COMPRESSORS)
@pytest.mark.parametrize("version", [5, 6])
def test_we_write_what_nydus_image_writes(version, compressor, digester, plain, tmp_path):
    layout = ours(plain, tmp_path / "ours", version, compressor, digester)
    boot, blobs = nydus.parts(layout)
    want, want_blobs = nydus.converter(tmp_path / "theirs", plain_layers(), version, "--compressor",
                                       compressor, "--digester", digester)
    assert blobs == want_blobs
    assert boot == want


@pytest.mark.parametrize("version", [5, 6])
def test_hints_are_nydus_images_too(version, plain, tmp_path):
    """The list puts files first in our blobs, so that only the merged table is alike."""
    names = ["a/small", "many-1", "many-1/001001", "x", "a"]
    (tmp_path / "list").write_text("".join(f"{n}\n" for n in names))
    layout = ours(plain, tmp_path / "ours", version, "zstd", "sha256",
                  f"--prefetch-list={tmp_path}/list")
    boot, blobs = nydus.parts(layout)
    (tmp_path / "merge").mkdir()
    boots = [tmp_path / "merge" / embedded.digest(b)[7:] for b in blobs]
    for path, blob in zip(boots, blobs):
        path.write_bytes(nydus.inner_boot(blob))
    run(peer("nydus-image"), "merge", "-l", "warn", "--prefetch-policy", "fs", "--bootstrap",
        tmp_path / "merged", *boots, input="".join(f"/{n}\n" for n in names))
    assert boot == (tmp_path / "merged").read_bytes()


@pytest.mark.parametrize("digester", ["sha256", "blake3"])
@pytest.mark.parametrize("compressor", COMPRESSORS)
@pytest.mark.parametrize("version", [5, 6])
def test_nydusd_serves_our_images(version, compressor, digester, zoo, tmp_path, store):
    root_only()
    layout = ours(zoo, tmp_path / "image", version, compressor, digester)
    boot, blobs = nydus.parts(layout)
    (tmp_path / "checked").write_bytes(boot)
    run(peer("nydus-image"), "check", "-l", "warn", "-B", tmp_path / "checked")
    want = lines_of(tree(f"oci:{layout}", store))
    assert want == lines_of(tree(f"oci:{zoo}", store))
    with nydus.Nydusd(tmp_path, boot, blobs) as at:
        assert lines_of(tree(f"dir:{at}", store)) == want


def test_the_kernel_mounts_our_bootstrap(zoo, tmp_path, store):
    """Over devices that nydusd filled: chunks lie where the bootstrap says."""
    root_only()
    layout = ours(zoo, tmp_path / "image", 6, "zstd", "sha256")
    boot, blobs = nydus.parts(layout)
    server = nydus.Nydusd(tmp_path, boot, blobs)
    with server as at:
        tree(f"dir:{at}", store)
    devices = [f"device={server.cache}/{embedded.digest(b)[7:]}.blob.data" for b in blobs]
    target = tmp_path / "kernel"
    target.mkdir()
    libc = ctypes.CDLL(None, use_errno=True)     # mount(8) would put a loop device in between
    done = libc.mount(bytes(tmp_path / "boot"), bytes(target), b"erofs", MS_RDONLY,
                      ",".join(devices).encode())
    assert done == 0, os.strerror(ctypes.get_errno())
    try:
        assert lines_of(tree(f"dir:{target}", store)) == lines_of(tree(f"oci:{zoo}", store))
    finally:
        run("umount", target)


@pytest.mark.parametrize("option", ["--to=rafs7", "--to=rafs4", "--to=rafs6 --compressor=gzip",
                                    "--to=rafs6 --chunk-size=5000", "--to=rafs6 --fs-version=5",
                                    "--to=rafs6 --digester=md5", "--to=oci --digester=sha256"])
def test_options_that_rafs_does_not_have(option, zoo, tmp_path):
    run(LAZYPULL, "convert", f"oci:{zoo}", f"oci:{tmp_path}/out", *option.split(), status=2)


@pytest.mark.parametrize("target", ["oci", "estargz", "rafs5", "rafs6"])
@pytest.mark.parametrize("source", ["rafs5", "rafs6"])
def test_conversions_keep_the_tree(source, target, zoo, tmp_path, store):
    nydus_image = convert(zoo, tmp_path / "nydus", f"--to={source}")
    run(LAZYPULL, "convert", f"--store={store}", f"oci:{nydus_image}", f"oci:{tmp_path}/other",
        f"--to={target}")
    assert lines_of(tree(f"oci:{tmp_path}/other", store)) == lines_of(tree(f"oci:{zoo}", store))


def sections(blob):
    """{name: (offset, stored bytes)} by the table of contents, and the table itself."""
    size = int(blob[-512 + 124:-512 + 135], 8)
    start = len(blob) - 512 - size
    found = {"rafs.blob.toc": (start, size)}
    for at in range(start, start + size, 128):
        name = blob[at + 8:at + 24].rstrip(b"\0").decode()
        found[name] = struct.unpack_from("<QQ", blob, at + 56)
    return found


def changed(work, boot, blob, change):
    """A layout of the image with another blob, by whose digest the bootstrap is made to go."""
    other = bytearray(blob)
    change(other)
    boot = boot.replace(embedded.digest(blob)[7:].encode(), embedded.digest(other)[7:].encode())
    return nydus.write_layout(work, boot, [bytes(other)], 6)


@pytest.mark.parametrize("section,at,rules", [
    ("image.blob", 3, ["layer.chunk.digest"]),
    ("blob.meta", -1, ["codec", "rafs6.info.chunk", "rafs.toc.digest"]),
    ("blob.meta.header", 12, ["rafs6.info.header"]),
    ("blob.meta.header", 2000, ["rafs6.info.header"]),
    ("blob.digest", 40, ["rafs.toc.digest"]),
    ("image.boot", 30, ["codec", "rafs.toc.digest"]),
    ("rafs.blob.toc", 128 + 24, ["rafs.toc.digest"]),
    ("rafs.blob.toc", 128 + 63, ["rafs.toc.entry"]),
])
def test_check_reads_what_nydusd_goes_by(section, at, rules, tmp_path):
    def flip(data):
        off, size = sections(data)[section]
        data[off + (at if at >= 0 else size + at)] ^= 0x41

    embedded.write_layout(tmp_path / "one", plain_layers()[:1])
    layout = ours(tmp_path / "one", tmp_path / "one6", 6, "none", "sha256")
    boot, blobs = nydus.parts(layout)
    bad = changed(tmp_path / "bad", boot, blobs[0], flip)
    failed = run(LAZYPULL, "check", f"--store={tmp_path}/store", f"oci:{bad}", status=1)
    assert any(rule in failed for rule in rules), failed


def test_check_accepts_images_of_both(plain, tmp_path):
    for version in 5, 6:
        boot, blobs = nydus.create(tmp_path / f"v{version}", plain_layers(), version)
        theirs = nydus.write_layout(tmp_path / f"theirs{version}", boot, blobs, version)
        for layout in theirs, ours(plain, tmp_path / f"ours{version}", version, "zstd", "blake3"):
            assert "verified" in run(LAZYPULL, "check", f"--store={tmp_path}/store", f"oci:{layout}")
