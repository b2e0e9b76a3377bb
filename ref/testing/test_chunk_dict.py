# SPDX-License-Identifier: MIT
"""Nydus images that borrow chunks from another image: --chunk-dict."""
import hashlib
import json
import random
import tarfile

import embedded
import nydus
import pytest
from conftest import LAZYPULL, Tar, convert, layers_of, lines_of, peer, root_only, run, tree

REFERENCES = nydus.NOTE + "reference-blob-ids"


def noise(seed, size):
    return random.Random(seed).randbytes(size)


def low_layer():
    """What both versions have; the last file is in the layer above too."""
    low = Tar().add("a/", kind=tarfile.DIRTYPE).add("a/big", noise(1, 5_000_000))
    for i in range(100):
        low.add(f"a/f{i:03d}", noise(f"low {i}", 10_000 + 100 * i))
    return low.add("b/", kind=tarfile.DIRTYPE).add("z", noise("both", 70_000)).bytes()


def app_layer(version):
    """Of forty files, four change."""
    app = Tar().add("app/", kind=tarfile.DIRTYPE)
    for i in range(40):
        app.add(f"app/f{i:02d}", noise(f"app {i} {version if i % 10 == 3 else 0}", 20_000))
    return (app.add("app/z", noise("both", 70_000))
            .add("app/link", kind=tarfile.LNKTYPE, linkname="app/f03").bytes())


def layers(version):
    """The second version has one layer more, with nothing that is new."""
    more = (Tar().add("a/", kind=tarfile.DIRTYPE).add("a/big", noise(1, 5_000_000))
            .add("again", noise("app 5 0", 20_000)))
    return [low_layer(), app_layer(version)] + ([more.bytes()] if version == 2 else [])


@pytest.fixture(scope="module")
def sources(work):
    paths = {}
    for version in 1, 2:
        paths[version] = work / f"dict-source-{version}"
        embedded.write_layout(paths[version], layers(version))
    return paths


def ours(sources, work, version, *options):
    """The first image, and the second that borrows from it."""
    first = convert(sources[1], work / "first", f"--to=rafs{version}", *options)
    return first, convert(sources[2], work / "second", f"--to=rafs{version}", *options,
                          f"--chunk-dict=oci:{first}")


def sizes(layout):
    return [path.stat().st_size for path, _ in layers_of(layout)]


@pytest.fixture(scope="module", params=[5, 6])
def pair(request, sources, work):
    return request.param, *ours(sources, work / f"dict-{request.param}", request.param)


def test_the_tree_is_the_sources(pair, sources, tmp_path):
    store = tmp_path / "store"
    want = lines_of(tree(f"oci:{sources[2]}", store))
    assert lines_of(tree(f"oci:{pair[2]}", store)) == want
    assert "verified" in run(LAZYPULL, "check", f"--store={store}", f"oci:{pair[2]}")


def test_what_is_known_is_not_stored(pair):
    first, second = sizes(pair[1]), sizes(pair[2])
    assert first[0] > 6_000_000 and first[1] > 800_000
    assert second[0] < 40_000 and 80_000 < second[1] < 120_000 and second[2] < 12_000
    assert second[3:-1] == first[:-1]                  # borrowed, whole


def test_the_manifest_names_what_it_borrows(pair):
    manifest = [d for _, d in layers_of(pair[2])]
    borrowed = [d["digest"] for _, d in layers_of(pair[1])[:-1]]
    assert [d["digest"] for d in manifest[3:-1]] == borrowed
    assert all(d["annotations"] == {nydus.NOTE + "blob": "true"} for d in manifest[:-1])
    assert json.loads(manifest[-1]["annotations"][REFERENCES]) == [d[7:] for d in borrowed]


def test_a_layer_that_is_known_whole_borrows_and_a_plain_image_does_not(pair, sources, tmp_path):
    same = convert(sources[1], tmp_path / "same", f"--to=rafs{pair[0]}",
                   f"--chunk-dict=oci:{pair[1]}")
    assert [d["digest"] for _, d in layers_of(same)[2:-1]] == [
        d["digest"] for _, d in layers_of(pair[1])[:-1]]
    empty = tmp_path / "empty"
    embedded.write_layout(empty, [Tar().add("x/", kind=tarfile.DIRTYPE).bytes()])
    none = convert(empty, tmp_path / "none", f"--to=rafs{pair[0]}", f"--chunk-dict=oci:{pair[1]}")
    assert len(layers_of(none)) == 2
    assert REFERENCES not in layers_of(none)[-1][1]["annotations"]


def test_a_dictionary_of_a_dictionary(pair, sources, tmp_path):
    """The third image borrows through the second what the first one stored."""
    third = convert(sources[2], tmp_path / "third", f"--to=rafs{pair[0]}",
                    f"--chunk-dict=oci:{pair[2]}")
    assert sum(sizes(third)[:3]) < 65_000
    assert lines_of(tree(f"oci:{third}", tmp_path / "store")) == lines_of(
        tree(f"oci:{sources[2]}", tmp_path / "store"))


def test_the_same_whatever_the_number_of_threads(pair, sources, tmp_path):
    one = convert(sources[2], tmp_path / "one", f"--to=rafs{pair[0]}", "-j1",
                  f"--chunk-dict=oci:{pair[1]}")
    assert [d["digest"] for _, d in layers_of(one)] == [d["digest"] for _, d in layers_of(pair[2])]


@pytest.mark.parametrize("options,rule", [
    ("--to=rafs5", "rafs.dict.unlike"), ("--to=rafs6 --digester=sha256", "rafs.dict.unlike"),
    ("--to=rafs6 --chunk-size=65536", "rafs.dict.unlike"),
])
def test_an_image_unlike_the_new_one_is_refused(options, rule, sources, tmp_path):
    first = convert(sources[1], tmp_path / "first", "--to=rafs6")
    failed = run(LAZYPULL, "convert", f"oci:{sources[2]}", f"oci:{tmp_path}/out", *options.split(),
                 f"--chunk-dict=oci:{first}", status=1)
    assert rule in failed and "dictionary" in failed


def test_version_5_has_one_compressor(sources, tmp_path):
    first = convert(sources[1], tmp_path / "first", "--to=rafs5", "--compressor=none")
    failed = run(LAZYPULL, "convert", f"oci:{sources[2]}", f"oci:{tmp_path}/out", "--to=rafs5",
                 f"--chunk-dict=oci:{first}", status=1)
    assert "rafs.dict.unlike" in failed


def test_version_6_has_one_for_each_blob(sources, tmp_path):
    first = convert(sources[1], tmp_path / "first", "--to=rafs6", "--compressor=none")
    second = convert(sources[2], tmp_path / "second", "--to=rafs6", f"--chunk-dict=oci:{first}")
    assert lines_of(tree(f"oci:{second}", tmp_path / "store")) == lines_of(
        tree(f"oci:{sources[2]}", tmp_path / "store"))


def test_what_is_no_dictionary(sources, tmp_path):
    def fails(dictionary, status, *options):
        return run(LAZYPULL, "convert", f"oci:{sources[2]}", f"oci:{tmp_path}/out",
                   f"--chunk-dict={dictionary}", *options, status=status)

    assert "image.dict.format" in fails(f"oci:{sources[1]}", 1, "--to=rafs6")
    assert "dictionary" in fails(f"oci:{tmp_path}/nothing", 3, "--to=rafs6")
    fails(f"oci:{sources[1]}", 2, "--to=oci")
    fails(f"oci:{sources[1]}", 2)


def forged(work, layout, version, change):
    """The image with another bootstrap, by a manifest that goes with it."""
    boot, blobs = nydus.parts(layout)
    boot = bytearray(boot)
    change(boot)
    return nydus.write_layout(work, bytes(boot), blobs, version)


def test_a_dictionary_that_lies_gives_no_wrong_bytes(sources, tmp_path):
    """Two chunks swap their digests: what is read is right, or fails."""
    words = "--to=rafs6", "--compressor=none", "--digester=sha256"
    first = convert(sources[1], tmp_path / "first", *words)
    one, other = (hashlib.sha256(noise(f"app {i} 0", 20_000)).digest() for i in (5, 6))

    def swap(boot):
        a, b = boot.index(one), boot.index(other)
        boot[a:a + 32], boot[b:b + 32] = other, one

    liar = forged(tmp_path / "liar", first, 6, swap)
    out = convert(sources[2], tmp_path / "out", *words, f"--chunk-dict=oci:{liar}")
    store = f"--store={tmp_path}/store"
    for name in "f05", "f06":
        assert "layer.chunk.digest" in run(LAZYPULL, "cat", store, f"oci:{out}", f"/app/{name}",
                                           status=1)
    assert "layer.chunk.digest" in run(LAZYPULL, "check", store, f"oci:{out}", status=1)


@pytest.mark.parametrize("version", [5, 6])
def test_a_damaged_dictionary_is_refused(version, sources, tmp_path):
    first = convert(sources[1], tmp_path / "first", f"--to=rafs{version}")
    path = layers_of(first)[-1][0]
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)
    failed = run(LAZYPULL, "convert", f"oci:{sources[2]}", f"oci:{tmp_path}/out",
                 f"--to=rafs{version}", f"--chunk-dict=oci:{first}", status=1)
    assert "oci.layer.digest" in failed or "codec" in failed


def test_a_dictionary_whose_blobs_are_elsewhere_is_refused(pair, sources, tmp_path):
    boot, _ = nydus.parts(pair[1])
    alone = nydus.write_layout(tmp_path / "alone", boot, [], pair[0])
    failed = run(LAZYPULL, "convert", f"oci:{sources[2]}", f"oci:{tmp_path}/out",
                 f"--to=rafs{pair[0]}", f"--chunk-dict=oci:{alone}", status=1)
    assert "image.dict.blob" in failed


@pytest.mark.parametrize("digester", ["sha256", "blake3"])
@pytest.mark.parametrize("compressor", ["none", "lz4_block", "zstd"])
@pytest.mark.parametrize("version", [5, 6])
def test_we_write_what_nydus_image_writes(version, compressor, digester, sources, tmp_path):
    words = "--compressor", compressor, "--digester", digester
    peer("nydus-image")
    first, second = ours(sources, tmp_path, version, f"--compressor={compressor}",
                         f"--digester={digester}")
    old, _ = nydus.parts(first)
    (tmp_path / "dict").write_bytes(old)
    boot, blobs = nydus.parts(second)
    want, want_blobs = nydus.converter(tmp_path / "theirs", layers(2), version, *words,
                                       chunk_dict=tmp_path / "dict")
    assert blobs[:len(want_blobs)] == want_blobs
    assert boot == want


def test_nydusd_serves_it(pair, sources, tmp_path):
    root_only()
    boot, blobs = nydus.parts(pair[2])
    (tmp_path / "checked").write_bytes(boot)
    run(peer("nydus-image"), "check", "-l", "warn", "-B", tmp_path / "checked")
    store = tmp_path / "store"
    with nydus.Nydusd(tmp_path, boot, blobs) as at:
        assert lines_of(tree(f"dir:{at}", store)) == lines_of(tree(f"oci:{sources[2]}", store))


@pytest.mark.parametrize("version,options", [(5, ()), (6, ()), (6, ("--features", "blob-toc"))],
                         ids=["v5", "v6", "v6-toc"])
def test_a_dictionary_by_nydus_image(version, options, sources, tmp_path):
    """Without a table of contents, another of several blobs with a chunk is taken."""
    old, old_blobs = nydus.create(tmp_path / "old", layers(1), version, *options)
    first = nydus.write_layout(tmp_path / "first", old, old_blobs, version)
    second = convert(sources[2], tmp_path / "second", f"--to=rafs{version}", "--digester=blake3",
                     f"--chunk-dict=oci:{first}")
    boot, blobs = nydus.parts(second)
    want, want_blobs = nydus.converter(tmp_path / "theirs", layers(2), version,
                                       chunk_dict=tmp_path / "old" / "merged")
    assert blobs[:len(want_blobs)] == want_blobs
    assert boot == want
    assert lines_of(tree(f"oci:{second}", tmp_path / "store")) == lines_of(
        tree(f"oci:{sources[2]}", tmp_path / "store"))


def test_a_registry_is_sent_what_it_lacks(sources, tmp_path):
    """In the repository of the first image, or in another one, the second stands by itself."""
    store = tmp_path / "store"
    want = lines_of(tree(f"oci:{sources[2]}", store))
    with embedded.Registry(tmp_path / "registry", log=tmp_path / "log") as registry:
        first, same, other = (f"docker://{registry.host}/{name}" for name in ("x:1", "x:2", "y:2"))
        run(LAZYPULL, "convert", f"oci:{sources[1]}", first, "--to=rafs6")
        before = len(registry.log())
        run(LAZYPULL, "convert", f"oci:{sources[2]}", same, "--to=rafs6", f"--chunk-dict={first}")
        sent = sum(line["received_bytes"] for line in registry.log()[before:]
                   if line["method"] in ("PUT", "POST", "PATCH"))
        run(LAZYPULL, "convert", f"oci:{sources[2]}", other, "--to=rafs6", f"--chunk-dict={first}")
        assert 100_000 < sent < 300_000
        for name in same, other:
            assert lines_of(tree(name, store)) == want
            assert "verified" in run(LAZYPULL, "check", f"--store={store}", name)
