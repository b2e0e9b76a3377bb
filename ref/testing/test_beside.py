# SPDX-License-Identifier: MIT
"""A Nydus image beside the one that it was made from: in an index, and as its referrer."""
import json
import shutil

import embedded
import pytest
from conftest import LAZYPULL, layers_of, lines_of, peer, root_only, run, tree
from embedded import Registry
from servers import DockerRegistry

INDEX = "application/vnd.oci.image.index.v1+json"
TYPE = "application/vnd.nydus.image.manifest.v1+json"
FEATURE = "nydus.remoteimage.v1"
HERE = {"os": "linux", "architecture": "amd64"}


def inspect(image, *options):
    return json.loads(run(LAZYPULL, "inspect", "--json", image, *options))


def manifest_of(layout):
    """The bytes of a layout's only manifest."""
    entry = json.loads((layout / "index.json").read_text())["manifests"][0]
    return (layout / "blobs/sha256" / entry["digest"][7:]).read_bytes()


def document(layout, tag):
    """The document that has a tag, and its digest."""
    for entry in json.loads((layout / "index.json").read_text())["manifests"]:
        if entry.get("annotations", {}).get("org.opencontainers.image.ref.name") == tag:
            text = (layout / "blobs/sha256" / entry["digest"][7:]).read_bytes()
            assert embedded.digest(text) == entry["digest"]
            return json.loads(text), entry["digest"]
    raise KeyError(tag)


def put_index(layout, entries, tag="latest"):
    """An index of these entries under the only tag of a layout."""
    text = json.dumps({"schemaVersion": 2, "mediaType": INDEX, "manifests": entries}).encode()
    (layout / "index.json").write_text(json.dumps({"schemaVersion": 2, "manifests": [
        {"mediaType": INDEX, **embedded.write_blob(layout, text),
         "annotations": {"org.opencontainers.image.ref.name": tag}}]}))


def of_image(layout, **more):
    """The descriptor of a layout's only image."""
    text = manifest_of(layout)
    return {"mediaType": embedded.MANIFEST, "digest": embedded.digest(text), "size": len(text),
            **more}


@pytest.fixture(scope="module")
def store(work):
    return work / "beside-store"


@pytest.fixture(scope="module")
def zoo_nydus(zoo, work):
    run(LAZYPULL, "convert", f"oci:{zoo}", f"oci:{work}/zoo-beside", "--to=rafs6")
    return work / "zoo-beside"


@pytest.fixture
def both(zoo, zoo_nydus, tmp_path):
    """A layout with the blobs of the zoo and of its Nydus twin, for an index of both."""
    layout = shutil.copytree(zoo, tmp_path / "both")
    shutil.copytree(zoo_nydus / "blobs", layout / "blobs", dirs_exist_ok=True)
    return layout


@pytest.mark.parametrize("twin_first", [False, True])
@pytest.mark.parametrize("mark", [
    {"artifactType": TYPE, "platform": HERE},
    {"platform": {**HERE, "os.features": [FEATURE]}},
    {"platform": HERE},                          # its manifest alone says what it is
])
def test_both_kinds_can_be_had(mark, twin_first, both, zoo, zoo_nydus):
    entries = [of_image(zoo, platform=HERE), of_image(zoo_nydus, **mark)]
    put_index(both, entries[::-1] if twin_first else entries)
    for options, want in ([], zoo), (["--prefer=oci"], zoo), (["--prefer=nydus"], zoo_nydus):
        assert inspect(f"oci:{both}", *options)["digest"] == of_image(want)["digest"]


def test_one_kind_alone_is_taken(both, zoo, zoo_nydus):
    for layout in zoo, zoo_nydus:
        put_index(both, [of_image(layout, platform=HERE)])
        for kind in "oci", "nydus":
            assert inspect(f"oci:{both}", f"--prefer={kind}")["digest"] == of_image(layout)["digest"]


def test_features_that_we_lack(both, zoo):
    put_index(both, [of_image(zoo, platform={**HERE, "os.features": ["strange"]})])
    assert "oci.index.platform" in run(LAZYPULL, "inspect", f"oci:{both}", status=3)
    found = inspect(f"oci:{both}", "--platform=linux(+strange)/amd64")
    assert found["manifests"][0]["platform"] == "linux(+strange)/amd64"


def test_index_beside_a_manifest(zoo, zoo_nydus, tmp_path, store):
    printed = run(LAZYPULL, "convert", f"oci:{zoo}", f"oci:{tmp_path}/out:t", "--to=rafs6",
                  "--merge-manifest")
    index, digest = document(tmp_path / "out", "t")
    assert printed.strip() == digest and index["mediaType"] == INDEX
    ours, twin = index["manifests"]
    assert ours == of_image(zoo, platform=HERE)
    assert twin["artifactType"] == TYPE
    assert twin["platform"] == {**HERE, "os.features": [FEATURE]}
    blobs = tmp_path / "out/blobs/sha256"
    assert (blobs / ours["digest"][7:]).read_bytes() == manifest_of(zoo)
    manifest = json.loads((blobs / twin["digest"][7:]).read_bytes())
    assert manifest["artifactType"] == TYPE and "subject" not in manifest
    assert manifest["layers"] == json.loads(manifest_of(zoo_nydus))["layers"]
    want = lines_of(tree(f"oci:{zoo}", store))
    for kind in "oci", "nydus":
        assert lines_of(tree(f"oci:{tmp_path}/out:t", store, f"--prefer={kind}")) == want


def other_index(layout, zoo):
    """The zoo for this machine, and for another one an image and what is attested of it."""
    other = layout.parent / "other"
    embedded.write_layout(other, [b"x" * 1024])
    shutil.copytree(zoo, layout)
    shutil.copytree(other / "blobs", layout / "blobs", dirs_exist_ok=True)
    said = json.dumps({
        "schemaVersion": 2, "mediaType": embedded.MANIFEST, "artifactType": "x/attestation",
        "config": {"mediaType": "application/vnd.oci.empty.v1+json",
                   **embedded.write_blob(layout, b"{}")},
        "layers": [{"mediaType": "x/y", **embedded.write_blob(layout, b"said")}]}).encode()
    entries = [of_image(other, platform={"os": "linux", "architecture": "arm64", "variant": "v8"}),
               of_image(zoo, platform=HERE, annotations={"a": "b"}),
               {"mediaType": embedded.MANIFEST, **embedded.write_blob(layout, said),
                "platform": {"os": "unknown", "architecture": "unknown"}}]
    put_index(layout, entries)
    return entries


def test_index_beside_an_index(zoo, tmp_path):
    """Other manifests are kept, with all that they name; what was made before is replaced."""
    entries = other_index(tmp_path / "in", zoo)
    with Registry(tmp_path / "root") as r:
        name = f"docker://{r.host}/some/image:both"
        run(LAZYPULL, "convert", f"oci:{tmp_path}/in", name, "--to=rafs6", "--merge-manifest")
        for version in "rafs6", "rafs5":          # in place, within one repository
            run(LAZYPULL, "convert", name, name, f"--to={version}", "--merge-manifest")
        found = inspect(name, "--prefer=nydus")
    layout = tmp_path / "root/some/image"
    index, _ = document(layout, "both")
    assert index["manifests"][:3] == entries
    assert len(index["manifests"]) == 4 and index["manifests"][3]["artifactType"] == TYPE
    assert found["kind"] == "nydus" and found["digest"] == index["manifests"][3]["digest"]
    blobs = layout / "blobs/sha256"
    for entry in entries:
        manifest = json.loads((blobs / entry["digest"][7:]).read_bytes())
        for d in [manifest["config"], *manifest["layers"]]:
            assert embedded.digest((blobs / d["digest"][7:]).read_bytes()) == d["digest"]


class DockerRegistryOrSkip(DockerRegistry):
    def __enter__(self):
        peer("docker-registry")
        return super().__enter__()


def test_skopeo_copies_the_index(zoo, tmp_path, store):
    """Debian 12's drops artifactType from an index that it writes: os.features is what stays."""
    skopeo = peer("skopeo")
    run(LAZYPULL, "convert", f"oci:{zoo}", f"oci:{tmp_path}/out:t", "--to=rafs6",
        "--merge-manifest", "--with-referrer")
    with DockerRegistryOrSkip(tmp_path) as r:
        name = f"docker://{r.host}/zoo:t"
        run(skopeo, "copy", "-q", "--all", "--dest-tls-verify=false", f"oci:{tmp_path}/out:t", name)
        run(skopeo, "copy", "-q", "--all", "--src-tls-verify=false", name, f"oci:{tmp_path}/back:t")
        there = lines_of(tree(name, store, "--prefer=nydus"))
    assert there == lines_of(tree(f"oci:{zoo}", store))
    before, after = (document(tmp_path / d, "t")[0]["manifests"] for d in ("out", "back"))
    assert [d["digest"] for d in before] == [d["digest"] for d in after]
    assert [d["platform"] for d in before] == [d["platform"] for d in after]
    for d in before:
        name = f"blobs/sha256/{d['digest'][7:]}"
        assert (tmp_path / "out" / name).read_bytes() == (tmp_path / "back" / name).read_bytes()
    for kind in "oci", "nydus":
        assert inspect(f"oci:{tmp_path}/back:t", f"--prefer={kind}")["kind"] == kind


def registries():
    def embedded_one(path):
        return Registry(path / "root")

    def before(path):
        return Registry(path / "root", knobs=["no-referrers"])

    return [embedded_one, before, DockerRegistryOrSkip]


@pytest.mark.parametrize("registry", registries(), ids=["api", "tag", "docker-registry"])
def test_referrers_are_found(registry, zoo, tmp_path, store):
    with registry(tmp_path) as r:
        name = f"docker://{r.host}/zoo:plain"
        run(LAZYPULL, "push", f"oci:{zoo}", name)
        assert inspect(name, "--referrers")["referrers"] == []
        assert inspect(name, "--prefer=nydus")["kind"] == "oci"
        made = [run(LAZYPULL, "convert", name, name, f"--to={to}", "--with-referrer").strip()
                for to in ("rafs6", "rafs6", "rafs5")]
        assert made[0] == made[1]
        plain, twin = (inspect(name, "--referrers", f"--prefer={k}") for k in ("oci", "nydus"))
        assert plain["digest"] == of_image(zoo)["digest"] and plain["kind"] == "oci"
        assert {e["digest"] for e in plain["referrers"]} == set(made)
        assert {e["artifact_type"] for e in plain["referrers"]} == {TYPE}
        # of several the same one, whatever the registry's order
        assert (twin["digest"], twin["kind"]) == (min(made), "nydus")
        raw = run(LAZYPULL, "inspect", "--raw", f"docker://{r.host}/zoo@{twin['digest']}")
        assert json.loads(raw)["subject"] == of_image(zoo)
        want = lines_of(tree(f"oci:{zoo}", store))
        assert lines_of(tree(name, store, "--prefer=nydus")) == want
        # by a name of its own as well
        run(LAZYPULL, "convert", name, f"docker://{r.host}/zoo:nydus", "--to=rafs6",
            "--with-referrer")
        assert inspect(f"docker://{r.host}/zoo:nydus")["digest"] == made[0]


def test_mounts_of_both(zoo, tmp_path):
    """The store keeps apart what one name leads to for each preference."""
    root_only()
    store, want = tmp_path / "s", {"oci": of_image(zoo)["digest"]}
    with Registry(tmp_path / "root", log=tmp_path / "log") as r:
        name = f"docker://{r.host}/zoo:plain"
        run(LAZYPULL, "push", f"oci:{zoo}", name)
        want["nydus"] = run(LAZYPULL, "convert", name, name, "--to=rafs6", "--with-referrer").strip()
        tree_of = {}
        for kind in "oci", "nydus", "oci", "nydus":
            at = tmp_path / kind
            at.mkdir(exist_ok=True)
            before = len(r.log())
            run(LAZYPULL, "mount", f"--store={store}", f"--prefer={kind}", "--mount=fuse", name, at)
            asked = [line["path"] for line in r.log()[before:] if line["kind"] == "manifest"]
            assert (kind in tree_of) == (not asked)
            tree_of[kind] = lines_of(tree(f"dir:{at}", store))
            mounted = json.loads(run(LAZYPULL, "status", "--json", f"--store={store}"))
            assert want[kind] in json.dumps(mounted)
            run(LAZYPULL, "umount", at)
    assert tree_of["oci"] == tree_of["nydus"] == lines_of(tree(f"oci:{zoo}", store))


def test_tag_of_the_list_is_somebody_elses(zoo, tmp_path):
    with Registry(tmp_path / "root", knobs=["no-referrers"]) as r:
        name = f"docker://{r.host}/zoo"
        run(LAZYPULL, "push", f"oci:{zoo}", f"{name}:plain")
        run(LAZYPULL, "push", f"oci:{zoo}", f"{name}:sha256-{of_image(zoo)['digest'][7:]}")
        for argv in (["convert", f"{name}:plain", f"{name}:plain", "--to=rafs6", "--with-referrer"],
                     ["inspect", f"{name}:plain", "--prefer=nydus"]):
            assert "registry.referrers.tag" in run(LAZYPULL, *argv, status=1)
        assert inspect(f"{name}:plain")["kind"] == "oci"


def test_referrer_of_something_else(zoo, tmp_path):
    """The list that anybody may write names a manifest whose subject is another one."""
    with Registry(tmp_path / "root", knobs=["no-referrers"]) as r:
        name = f"docker://{r.host}/zoo:plain"
        run(LAZYPULL, "push", f"oci:{zoo}", name)
        run(LAZYPULL, "convert", name, name, "--to=rafs6")      # without a subject
        run(LAZYPULL, "push", f"oci:{zoo}", f"docker://{r.host}/zoo:again")
    layout = tmp_path / "root/zoo"
    twin = document(layout, "plain")
    index = json.loads((layout / "index.json").read_text())
    entry = next(e for e in index["manifests"] if e["digest"] == twin[1])
    listing = json.dumps({"schemaVersion": 2, "mediaType": INDEX, "manifests": [
        {k: entry[k] for k in ("mediaType", "digest", "size")} | {"artifactType": TYPE}]}).encode()
    tag = f"sha256-{of_image(zoo)['digest'][7:]}"
    index["manifests"].append({"mediaType": INDEX, **embedded.write_blob(layout, listing),
                               "annotations": {"org.opencontainers.image.ref.name": tag}})
    (layout / "index.json").write_text(json.dumps(index))
    with Registry(tmp_path / "root", knobs=["no-referrers"]) as r:
        name = f"docker://{r.host}/zoo:again"
        assert inspect(name)["kind"] == "oci"
        failed = run(LAZYPULL, "inspect", name, "--prefer=nydus", status=1)
        assert "oci.referrers.subject" in failed


def test_referrer_in_a_layout(zoo, tmp_path, store):
    layout = shutil.copytree(zoo, tmp_path / "zoo")
    run(LAZYPULL, "convert", f"oci:{layout}:latest", f"oci:{layout}:latest", "--to=rafs6",
        "--with-referrer")
    assert inspect(f"oci:{layout}")["digest"] == of_image(zoo)["digest"]
    assert inspect(f"oci:{layout}", "--prefer=nydus")["kind"] == "nydus"
    assert len(layers_of(layout)) == 2
    assert (lines_of(tree(f"oci:{layout}", store, "--prefer=nydus"))
            == lines_of(tree(f"oci:{zoo}", store)))


@pytest.mark.parametrize("options", [["--merge-manifest"], ["--to=estargz", "--merge-manifest"],
                                     ["--to=oci", "--with-referrer"]])
def test_options_of_rafs(options, zoo, tmp_path):
    run(LAZYPULL, "convert", f"oci:{zoo}", f"oci:{tmp_path}/out", *options, status=2)


def test_nothing_beside_a_nydus_image(zoo_nydus, tmp_path, store):
    failed = run(LAZYPULL, "convert", f"--store={store}", f"oci:{zoo_nydus}", f"oci:{tmp_path}/out",
                 "--to=rafs5", "--merge-manifest", status=2)
    assert "Nydus image" in failed
