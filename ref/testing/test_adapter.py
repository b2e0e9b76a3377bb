# SPDX-License-Identifier: MIT
"""`lazypull adapter`: every verb in both modes, on inputs that are valid, damaged and nonsense."""
import gzip
import json
import os
import socket
import subprocess

import embedded
import pytest
from adapter import OUTCOMES, Serve, Vector, once, sha256, vectors
from conftest import LAZYPULL, TOP, Tar, layers_of, root_only, run, tree, zoo_layers
from test_forgery import TOC_DIGEST, read_toc, write_forged

TREES = {"oci", "estargz", "zstdchunked", "rafs5", "rafs6", "erofs"}
ALL = vectors()
PHASES = {c["id"]: c.get("phase") for path in (TOP / "conformance/clauses").glob("*.json")
          if path.name != "policies.json" for c in json.loads(path.read_text())}


@pytest.fixture(scope="module")
def served():
    with Serve() as s:
        yield s


def verify(served, vector, folder, op="verify", **more):
    return served.ask(op, vector.form, vector.write(folder), **vector.args, **more)


def changed(vector, role, edit, **args):
    """The vector with another input @role."""
    return Vector(vector.form, {**vector.inputs, role: edit(vector.inputs[role])},
                  **{**vector.args, **args})


def flip(at):
    def edit(data):
        out = bytearray(data)
        out[at] ^= 1
        return bytes(out)
    return edit


def test_hello(served):
    status, text = once("hello")
    said = json.loads(text)
    assert status == 0 and said == served.ask("hello")
    assert said["protocol"] == 1 and said["tree"] and said["phases"]
    assert {v.form for v in ALL.values()} | {"http"} == set(said["formats"])
    assert said["policies"]["policy.name.parent"] == "strip"


@pytest.mark.parametrize("name", ALL)
def test_valid_inputs_are_accepted(name, served, tmp_path):
    got = verify(served, ALL[name], tmp_path)
    assert got["outcome"] == "accept", got
    assert ("tree_sha256" in got) == (ALL[name].form in TREES)
    if ALL[name].form in ("gzip", "zstd"):
        assert got["plain_sha256"] == sha256(b"hello\n" * (got["released"] // 6))
    status, text = once("verify", *ALL[name].words(tmp_path))
    assert (status, json.loads(text)) == (0, got)


@pytest.mark.parametrize("name", ALL)
@pytest.mark.parametrize("data", [b"", b"\0", b"{}", b"\x1f\x8b\x08", b"\xff" * 5000, bytes(4096)])
def test_nonsense_is_judged(name, data, served, tmp_path):
    """An empty input is an empty tar; nothing else of it is anything."""
    vector = ALL[name]
    role = next(iter(vector.inputs))
    got = verify(served, changed(vector, role, lambda _: data, diff_id=f"sha256:{'0' * 64}"),
                 tmp_path)
    assert got["outcome"] == "reject" and got["code"] and got["phase"] and got["detail"], got


@pytest.mark.parametrize("name, role, edit, code", [
    ("oci", "layer", flip(600), "tar.header.checksum"),
    ("oci", "layer", flip(-1), "oci.config.diffid"),
    ("oci-gzip", "layer", flip(-8), "codec.gzip.checksum"),
    ("oci-gzip", "layer", lambda b: b[:-4], "codec.gzip.truncated"),
    ("oci-zstd", "layer", lambda b: b[:-4], "codec.zstd.truncated"),
    ("estargz", "layer", flip(-1), "estargz.footer.*"),
    ("estargz", "layer", flip(-90), "estargz.toc-digest.mismatch"),
    ("rafs5", "bootstrap", flip(8), "rafs5.super.*"),
    ("rafs6", "bootstrap", flip(1024), "rafs.boot.*"),
    ("rafs5", "blob", flip(9), "rafs.blob.missing"),
    ("rafs6", "blob", lambda b: b[1:], "rafs.blob.missing"),
    ("erofs", "document", flip(1024), "erofs.super.*"),
    ("gzip", "document", flip(-8), "codec.gzip.checksum"),
    ("zstd", "document", lambda b: b + b"x", "codec.zstd.*"),
    ("manifest", "document", lambda b: b.replace(b"2", b"3", 1), "oci.manifest.*"),
    ("index", "document", lambda b: b.replace(b'"size": 4', b'"size": -4'),
     "oci.descriptor.size"),
    ("config", "document", lambda b: b[:-1], "oci.config.json"),
    ("layout", "document", lambda b: b.replace(b"1.0.0", b"2.0.0"), "oci.layout.version"),
    ("descriptor", "document", lambda b: b.replace(b"sha256:", b"sha256"),
     "oci.descriptor.digest"),
])
def test_damage_is_named(name, role, edit, code, served, tmp_path):
    vector = changed(ALL[name], role, edit)
    got = verify(served, vector, tmp_path)
    assert got["outcome"] == "reject", got
    assert got["code"].startswith(code.rstrip("*")) and got["phase"] == PHASES[got["code"]], got
    status, text = once("verify", *vector.words(tmp_path))
    assert (status, json.loads(text)) == (1, got)


def test_chunks_are_verified(served, tmp_path):
    """The blob is called what it was: what fails is its chunk."""
    for name in "rafs5", "rafs6":
        blob = ALL[name].inputs["blob"]
        vector = changed(ALL[name], "blob", flip(9), blob_digest="sha256:" + sha256(blob))
        assert verify(served, vector, tmp_path)["code"] == "oci.layer.digest"
    data = ALL["estargz"].inputs["layer"]
    _, toc = read_toc(data)
    file = next(e for e in toc["entries"] if e["name"] == "f")
    forged = json.loads(json.dumps(toc).replace(file["chunkDigest"], "sha256:" + "0" * 64))
    write_forged(tmp_path / "layout", data, forged)
    (path, note), = layers_of(tmp_path / "layout")
    got = served.ask("verify", "estargz", {"layer": path}, toc_digest=note["annotations"][TOC_DIGEST])
    assert (got["code"], got["phase"]) == ("layer.chunk.digest", "chunk-digest")


def test_claims_are_compared(served, tmp_path):
    vector = ALL["manifest"]
    right = "sha256:" + sha256(vector.inputs["document"])
    files = vector.write(tmp_path)
    for args, code in [({"digest": right}, None), ({"size": len(vector.inputs["document"])}, None),
                       ({"digest": right.replace("sha256", "sha512")}, "oci.descriptor.digest"),
                       ({"digest": "sha256:" + "0" * 64}, "oci.manifest.digest"),
                       ({"size": "7"}, "oci.descriptor.size"),
                       ({"media_type": "application/vnd.oci.image.index.v1+json"},
                        "oci.manifest.media-type")]:
        got = served.ask("verify", "manifest", files, **args)
        assert got.get("code") == code and (code is None) == (got["outcome"] == "accept"), got
    files = ALL["estargz"].write(tmp_path)
    assert served.ask("verify", "estargz", files)["code"] == "estargz.toc-digest.missing"
    got = served.ask("verify", "estargz", files, toc_digest="sha256:" + "0" * 64)
    assert (got["code"], got["phase"]) == ("estargz.toc-digest.mismatch", "toc-digest")
    got = served.ask("verify", "oci", ALL["oci"].write(tmp_path), media_type="text/plain")
    assert got["code"] == "oci.layer.media-type"
    (tmp_path / "blob").write_bytes(b"blob")
    files = {**ALL["descriptor"].write(tmp_path), "blob": tmp_path / "blob"}
    assert served.ask("verify", "descriptor", files)["outcome"] == "accept"
    (tmp_path / "blob").write_bytes(b"blub")
    assert served.ask("verify", "descriptor", files)["code"] == "oci.layer.digest"


def test_trees_are_those_of_lazypull_tree(served, tmp_path, work):
    """One layer, by the store and by the adapter."""
    data = zoo_layers()[0]
    embedded.write_layout(tmp_path / "tar", [data])
    plain = tree(f"oci:{tmp_path}/tar", work / "store")
    run(LAZYPULL, "convert", f"oci:{tmp_path}/tar", f"oci:{tmp_path}/esgz", "--to=estargz")
    for version in "rafs5", "rafs6":
        run(LAZYPULL, "convert", f"oci:{tmp_path}/tar", f"oci:{tmp_path}/{version}", f"--to={version}")
    for form in "tar", "esgz", "rafs5", "rafs6":
        layers = layers_of(tmp_path / form)
        notes = layers[-1][1].get("annotations", {})
        inputs = {"layer": layers[-1][0], **{f"blob{n + 1}": p for n, (p, _) in
                                             enumerate(layers[:-1])}}
        args = {"toc_digest": notes[TOC_DIGEST]} if form == "esgz" else {}
        name = {"tar": "oci", "esgz": "estargz"}.get(form, form)
        want = tree(f"oci:{tmp_path}/{form}", work / "store")
        got = served.ask("list", name, inputs, out=str(tmp_path / "out"), flags=["full"], **args)
        assert got["outcome"] == "accept", got
        assert (tmp_path / "out").read_text() == want
        assert got["tree_sha256"] == sha256(want.encode()) and got["tree"] == str(tmp_path / "out")
    assert len(plain.splitlines()) > 60


def test_an_erofs_file_with_its_devices(served, tmp_path):
    data = Tar().add("a", b"hello\n").add("d/b", bytes(10_000)).bytes()
    embedded.write_layout(tmp_path / "tar", [data])
    run(LAZYPULL, "pull", f"--store={tmp_path}/store", f"oci:{tmp_path}/tar")
    want = tree(f"oci:{tmp_path}/tar", tmp_path / "store")
    meta, = (tmp_path / "store/images").glob("*/meta.erofs")
    device, = (tmp_path / "store/devices").glob("*/data")
    got = served.ask("verify", "erofs", {"document": meta, "blob": device})
    assert got["tree_sha256"] == sha256(want.encode())
    bare = served.ask("verify", "erofs", {"document": meta})
    assert bare["outcome"] == "accept" and bare["tree_sha256"] != got["tree_sha256"]
    (tmp_path / "short").write_bytes(device.read_bytes()[:5000])
    got = served.ask("verify", "erofs", {"document": meta, "blob": tmp_path / "short"})
    assert got["code"] == "erofs.chunk.device"


def test_a_layer_keeps_its_whiteouts(tmp_path):
    data = (Tar().add("d/.wh..wh..opq").add("d/.wh.gone").add("d/é", b"").bytes())
    (tmp_path / "layer").write_bytes(data)
    status, text = once("list", f"--in={tmp_path}/layer", "--format=oci")
    empty = sha256(b"")
    assert status == 0 and text == (
        '{"p":"","t":"dir","m":493,"u":0,"g":0,"mt":0}\n'
        '{"p":"d","t":"dir","m":493,"u":0,"g":0,"mt":0,"o":true}\n'
        '{"p":"d/gone","t":"whiteout"}\n'
        '{"p":"d/%C3%A9","t":"reg","m":420,"u":0,"g":0,"s":0,"mt":1600000000000000000,'
        f'"d":"sha256:{empty}"}}\n')


def test_full_compares_the_tar(served, tmp_path):
    data = ALL["estargz"].inputs["layer"]
    _, toc = read_toc(data)
    for entry in toc["entries"]:
        if entry["type"] == "reg" and entry["name"] != ".no.prefetch.landmark":
            entry["mode"] = 0o755 if entry.get("mode") != 0o755 else 0o711
    write_forged(tmp_path / "layout", data, toc)
    (path, note), = layers_of(tmp_path / "layout")
    args = {"toc_digest": note["annotations"][TOC_DIGEST]}
    assert served.ask("verify", "estargz", {"layer": path}, **args)["outcome"] == "accept"
    got = served.ask("verify", "estargz", {"layer": path}, flags=["full"], **args)
    assert got["code"] == "estargz.toc.tar"
    words = [f"--in={path}", "--format=estargz", f"--toc_digest={args['toc_digest']}"]
    assert once("verify", *words)[0] == 0 and once("verify", *words, "--flag=full")[0] == 1
    got = served.ask("verify", "estargz", {"layer": ALL["estargz"].write(tmp_path)["layer"]},
                     flags=["full"], **ALL["estargz"].args, diff_id="sha256:" + "0" * 64)
    assert got["code"] == "oci.config.diffid"


@pytest.mark.parametrize("name", ["oci", "oci-gzip", "estargz", "rafs5", "rafs6"])
def test_read(name, served, tmp_path):
    """Ranges of the largest file, as `list` tells it whole."""
    vector = ALL[name]
    _, text = once("list", *vector.words(tmp_path))
    files = [f for f in map(json.loads, text.splitlines()) if f["t"] == "reg" and "d" in f]
    file = max(files, key=lambda f: f["s"])
    got = verify(served, vector, tmp_path, "read", path="/" + file["p"])
    assert got["ranges"] == [{"len": file["s"], "sha256": file["d"][7:]}]
    got = verify(served, vector, tmp_path, "read", path=file["p"],
                 ranges=f"0:{file['s']},1:2,{file['s'] - 1}:100,{file['s'] + 5}:1")
    assert [r["len"] for r in got["ranges"]] == [file["s"], 2, 1, 0]
    assert got["ranges"][0]["sha256"] == file["d"][7:] and got["released"] == file["s"] + 3
    assert got["ranges"][3]["sha256"] == sha256(b"")
    got = verify(served, vector, tmp_path, "read", path="no/such/file")
    assert (got["outcome"], got["code"]) == ("reject", "erofs.path.missing")
    for args in {"path": file["p"], "ranges": "1"}, {"path": file["p"], "ranges": "1:2,"}, {}:
        assert verify(served, vector, tmp_path, "read", **args)["outcome"] == "error"


def test_read_gives_the_right_bytes(served, tmp_path):
    body = bytes(range(256)) * 50
    data = Tar().add("x", b"before").add("f", body).add("y", b"behind").bytes()
    (tmp_path / "layer").write_bytes(data)
    got = served.ask("read", "oci", {"layer": tmp_path / "layer"}, path="f", ranges="5000:5000,0:1")
    assert [r["sha256"] for r in got["ranges"]] == [sha256(body[5000:10000]), sha256(body[:1])]


def test_read_verifies_what_it_reads(served, tmp_path):
    data = Tar().add("evil", b"evil bytes" * 99).add("good", b"good bytes" * 99).bytes()
    embedded.write_layout(tmp_path / "tar", [data])
    run(LAZYPULL, "convert", f"oci:{tmp_path}/tar", f"oci:{tmp_path}/esgz", "--to=estargz")
    (path, note), = layers_of(tmp_path / "esgz")
    _, toc = read_toc(path.read_bytes())
    at = {e["name"]: e["offset"] for e in toc["entries"]}["evil"]
    (tmp_path / "bad").write_bytes(flip(at + 15)(path.read_bytes()))
    ask = {"toc_digest": note["annotations"][TOC_DIGEST]}
    files = {"layer": tmp_path / "bad"}
    assert served.ask("read", "estargz", files, path="good", **ask)["outcome"] == "accept"
    assert served.ask("read", "estargz", files, path="evil", **ask)["outcome"] == "reject"
    assert served.ask("verify", "estargz", files, **ask)["outcome"] == "reject"


def test_unpack(served, tmp_path):
    root_only()
    dest = tmp_path / "dest"
    dest.mkdir()
    got = verify(served, ALL["oci-gzip"], tmp_path, "unpack", dest=str(dest))
    assert got == {"outcome": "accept", "released": 0}
    assert (dest / "d/a").read_text() == "hello\n" and os.readlink(dest / "l") == "d/a"
    for name, edit in ("oci", flip(-1)), ("oci-gzip", flip(-8)), ("oci", lambda b: b[:700]):
        empty = tmp_path / "empty"
        empty.mkdir(exist_ok=True)
        status, text = once("unpack", *changed(ALL[name], "layer", edit).words(tmp_path),
                            f"--dest={empty}")
        assert status == 1 and json.loads(text)["outcome"] == "reject"
        assert not list(empty.iterdir())
    assert {p.name for p in tmp_path.iterdir()} == {"dest", "empty", "layer"}
    outside = Tar().add("../../out", b"x").add("l", kind=b"2", linkname="..").add("l/out").bytes()
    (tmp_path / "layer").write_bytes(outside)
    served.ask("unpack", "oci", {"layer": tmp_path / "layer"}, dest=str(empty))
    assert {p.name for p in tmp_path.iterdir()} == {"dest", "empty", "layer"}


@pytest.mark.parametrize("words, status", [
    (["verify"], 3), (["verify", "--format=oci"], 3), (["verify", "--in=/no/such"], 3),
    (["verify", "--in=/no/such", "--format=oci"], 3), (["verify", "in=x"], 3), (["serve", "x"], 3),
    (["verify", "--in=/", "--format=oci"], 3), (["unpack", "--in=LAYER", "--format=oci"], 3),
    (["verify", "--in=LAYER", "--format=oci", "--blob2=LAYER2"], 3),
    (["verify", "--in=LAYER", "--format=oci", "--blob=LAYER2"], 3),
    (["verify", "--in=LAYER", "--format=oci", "--size=x"], 3), ([], 3),
    (["verify", "--in=LAYER", "--format=http"], 2), (["fetch", "--in=LAYER", "--format=oci"], 2),
    (["read", "--in=LAYER", "--format=gzip"], 2), (["list", "--in=LAYER", "--format=config"], 2),
    (["unpack", "--in=LAYER", "--format=rafs6", "--dest=x"], 2), (["convert", "--in=LAYER", "--format=oci"], 2),
    (["verify", "--in=LAYER", "--format=oci", "--flag=half"], 2),
    (["verify", "--in=LAYER", "--format=oci", "--unknown=x"], 0),
])
def test_usage(words, status, tmp_path):
    for name in "LAYER", "LAYER2":
        (tmp_path / name).write_bytes(ALL["oci"].inputs["layer"])
    done = subprocess.run([LAZYPULL, "adapter", *words], capture_output=True, text=True, timeout=60,
                          cwd=tmp_path, check=False)
    assert done.returncode == status, done
    if words:
        assert json.loads(done.stdout)["outcome"] == OUTCOMES[status]


def test_garbage_is_answered(tmp_path):
    """A line that is no request gets an answer, and the next one counts."""
    lines = [b"", b"{", b"[]", b"7", b"\xff\xfe", b'{"seq":5}', b'{"seq":5,"op":7}', b"[" * 100,
             b'{"seq":5,"op":"verify","format":"oci"}', b'{"seq":5,"op":"verify","in":"x"}',
             b'{"seq":5,"op":"verify","format":"oci","in":"x","args":[]}',
             b'{"seq":5,"op":"verify","format":"oci","in":"x","args":{"a":{}}}',
             b'{"seq":5,"op":"verify","format":"oci","in":"x","flags":"full"}',
             b'{"seq":5,"op":"verify","format":"oci","in":"x","flags":[1]}',
             b'{"seq":5,"op":"verify","format":"oci","in":"/no/such"}']
    with Serve() as s:
        for text in lines:
            got = s.line(text)
            assert got["outcome"] == "error" and got["detail"], text
            assert got["seq"] == (5 if b'"seq"' in text else None), text
        got = s.line(b'{"seq":"x","op":"hello","more":"' + b"x" * (20 << 20) + b'"}')
        assert (got["seq"], got["outcome"]) == (None, "error")
        assert s.line(b'{"seq":[1,2],"op":"hello"}')["seq"] == [1, 2]
        assert verify(s, ALL["oci"], tmp_path)["outcome"] == "accept"
        assert s.anon_kib() < 64 << 10
    done = subprocess.run([LAZYPULL, "adapter", "serve"], input=b'{"seq":1,"op":"hello"}\n{"seq":2,'
                          b'"op":"hello"}', capture_output=True, timeout=60, check=True)
    assert [json.loads(t)["seq"] for t in done.stdout.splitlines()] == [1, 2]


def test_many_requests_leave_nothing(tmp_path):
    """Memory, descriptors: as before, whatever was asked."""
    bad = {name: changed(v, next(iter(v.inputs)), flip(len(next(iter(v.inputs.values()))) // 2))
           for name, v in ALL.items()}
    with Serve() as s:
        def ask_all():
            for some in ALL, bad:
                for name, vector in some.items():
                    verify(s, vector, tmp_path)
                    if vector.form in TREES:
                        verify(s, vector, tmp_path, "read", path="d/a")
        for _ in range(5):
            ask_all()
        before, files = s.anon_kib(), len(os.listdir(f"/proc/{s.process.pid}/fd"))
        for _ in range(40):
            ask_all()
        assert s.anon_kib() <= before + 256
        assert len(os.listdir(f"/proc/{s.process.pid}/fd")) == files


def test_the_template(tmp_path):
    """adapters/template.sh says what we say, of a layer that names its root."""
    root_only()
    template = TOP / "conformance/adapters/template.sh"
    env = {**os.environ, "TREE": f"{LAZYPULL} tree --digests"}

    def ask(*words):
        done = subprocess.run([template, *words], capture_output=True, text=True, timeout=60, env=env,
                              check=False)
        return done.returncode, json.loads(done.stdout)
    data = (Tar().add("./", kind=b"5").add("d/", kind=b"5", uid=3).add("d/a", b"hello\n")
            .add("d/b", kind=b"1", linkname="d/a").add("l", kind=b"2", linkname="d", mode=0o777).bytes())
    (tmp_path / "layer").write_bytes(gzip.compress(data))
    words = "verify", f"--in={tmp_path}/layer", "--format=oci"
    status, said = ask(*words)
    assert status == 0 and said["tree_sha256"] == json.loads(once(*words)[1])["tree_sha256"]
    (tmp_path / "layer").write_bytes(data[:1600])
    status, said = ask(*words)
    assert (status, said["outcome"]) == (1, "reject") and said["detail"]
    assert ask("verify", "--in=/no/such", "--format=oci")[0] == 3
    assert ask("verify", f"--in={tmp_path}/layer", "--format=rafs5")[0] == 2
    assert ask("hello")[1]["protocol"] == 1


def test_fetch_makes_no_sense_without_a_place(served):
    for args in ({}, {"url": "ftp://127.0.0.1/x"}, {"url": "http://h/v2/t/blobs/sha256:" + "0" * 64,
                                                      "image": "127.0.0.1:1/t:1"},
                 {"image": "127.0.0.1:1/t:1", "read_timeout_ms": "soon"}):
        got = served.ask("fetch", "http", **args)
        assert got["outcome"] == "error", (args, got)
    assert served.ask("verify", "http", url="http://x")["outcome"] == "unsupported"


def test_fetch_from_nobody_is_a_rejection(served):
    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))  # and does not listen
        got = served.ask("fetch", "http", image=f"127.0.0.1:{nobody.getsockname()[1]}/t:1")
    assert (got["outcome"], got["phase"]) == ("reject", "transport"), got
    assert got["stats"] == {"requests": 3, "bytes_fetched": 0}
