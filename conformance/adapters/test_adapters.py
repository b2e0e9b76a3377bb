# SPDX-License-Identifier: MIT
"""Each adapter says yes to what is whole, with its tree, and no to what is damaged."""
import functools
import gzip
import hashlib
import io
import json
import os
import pathlib
import signal
import subprocess
import sys
import tarfile

import pytest

HERE = pathlib.Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parents[1] / "ref" / "testing")]
import conftest  # noqa: E402
import layer  # noqa: E402
import nydus  # noqa: E402
import tool  # noqa: E402
import treetext  # noqa: E402

GOLDEN = conftest.TOP / "ref" / "testing" / "golden"
OUTCOMES = ["accept", "reject", "unsupported", "error"]
NAMES = sorted({path.parent.name for path in HERE.glob("*/adapter.json")} - {"lazypull"})
TIME = 1_600_000_000
TARS = ["gnu-tar", "bsdtar", "busybox-tar", "python-tarfile", "umoci", "go-tar"]
RAFS = [name for name in NAMES if name.startswith("nydus")]


@functools.cache
def command(name):
    """(the words that start an adapter, its hello); without its program the test is skipped."""
    conftest.root_only()
    file = json.loads((HERE / name / "adapter.json").read_text())
    program, *words = [word.replace("$PEERS", str(tool.peers())) for word in file["command"]]
    if program.startswith("../"):
        program = str(HERE / program[3:])
    argv = [program, *words]
    if not os.access(program, os.X_OK):
        pytest.skip(f"{name}: {program} is missing ({file['missing']})")
    done = subprocess.run([*argv, "hello"], capture_output=True, text=True, check=False)
    if done.returncode == 3:
        pytest.skip(done.stderr.strip())
    return argv, json.loads(done.stdout)


ASKED = set()       # adapters that were asked in mode A: once is enough


@pytest.fixture
def ask(tmp_path):
    """ask(adapter, format, inputs, **arguments): its answer, the same twice and in both modes."""
    def both(name, kind, inputs, **arguments):
        argv, _ = command(name)
        (cwd := tmp_path / "cwd").mkdir(exist_ok=True)
        (temporary := tmp_path / "tmp").mkdir(exist_ok=True)
        paths = {role: str(tmp_path / role) for role in inputs}
        for role, data in inputs.items():
            (tmp_path / role).write_bytes(data)
        more = {"cwd": cwd, "capture_output": True, "text": True, "check": False, "timeout": 60,
                "env": {**os.environ, "TMPDIR": str(temporary)}}
        first, *rest = paths.items()
        asked = {"seq": 7, "op": "verify", "format": kind, "in": first[1],
                 "inputs": dict(reversed(paths.items())),
                 "args": {name: str(value) for name, value in arguments.items()}}
        done = subprocess.run([*argv, "serve"], **more, input=(json.dumps(asked) + "\n") * 2)
        answer, again = map(json.loads, done.stdout.splitlines())
        assert answer.pop("seq") == again.pop("seq") == 7
        assert told(answer) == told(again), done
        if name not in ASKED:
            done = subprocess.run([*argv, "verify", f"--in={first[1]}", f"--format={kind}", *(
                f"--{k}={v}" for k, v in [*rest, *arguments.items()])], **more)
            assert told(json.loads(done.stdout)) == told(answer)
            assert done.returncode == OUTCOMES.index(answer["outcome"]), done
            ASKED.add(name)
        assert not list(cwd.iterdir()) and not list(temporary.iterdir())
        return answer
    return both


def told(answer):
    """What must be the same each time: words may have times in them."""
    return {key: value for key, value in answer.items() if key != "detail"}


def sum_of(text):
    return hashlib.sha256(text.encode()).hexdigest()


def accepted(answer, text=None):
    """Is it a yes, with this tree?"""
    assert answer["outcome"] == "accept", answer
    assert text is None or answer["tree_sha256"] == sum_of(text), answer


def rejected(answer):
    assert answer["outcome"] == "reject" and answer["detail"], answer


@pytest.mark.parametrize("name", NAMES)
def test_hello(name):
    _, hello = command(name)
    assert hello["protocol"] == 1 and hello["impl"]["name"] == name
    assert hello["impl"]["version"][0].isdigit() or hello["impl"]["version"].startswith(("go", "v"))
    assert hello["formats"] and "verify" in hello["ops"] and hello["phases"] is False


LOST = {"busybox-tar": ("d", "d/link"), "python-tarfile": ("d/link",)}    # times that do not arrive


def without_times(text, paths):
    return "".join(line.replace(f'"mt":{TIME}000000000', '"mt":0')
                   if json.loads(line)["p"] in paths else line for line in text.splitlines(True))


def small_tar():
    """One of everything that every tar can say, and its canonical tree."""
    entries = [("d/", tarfile.DIRTYPE, 0o750, b"", {"uid": 7, "gid": 8}),
               ("d/file", tarfile.REGTYPE, 0o4755, b"hello\n", {}),
               ("d/hard", tarfile.LNKTYPE, 0o4755, b"", {"linkname": "d/file"}),
               ("d/link", tarfile.SYMTYPE, 0o777, b"", {"linkname": "a\u00e9"}),
               ("fifo", tarfile.FIFOTYPE, 0o600, b"", {}),
               ("no/parent", tarfile.REGTYPE, 0o644, b"", {}),
               ("null", tarfile.CHRTYPE, 0o666, b"", {"devmajor": 1, "devminor": 3})]
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=tarfile.PAX_FORMAT) as tar:
        for name, kind, mode, data, more in entries:
            info = tarfile.TarInfo(name)
            info.type, info.mode, info.size, info.mtime = kind, mode, len(data), TIME
            for key, value in more.items():
                setattr(info, key, value)
            tar.addfile(info, io.BytesIO(data))
    file, empty = (layer.digest(data) for data in (b"hello\n", b""))
    time = f'"mt":{TIME}000000000'
    return out.getvalue(), (
        '{"p":"","t":"dir","m":493,"u":0,"g":0,"mt":0}\n'
        f'{{"p":"d","t":"dir","m":488,"u":7,"g":8,{time}}}\n'
        f'{{"p":"d/file","t":"reg","m":2541,"u":0,"g":0,"s":6,{time},"d":"{file}"}}\n'
        f'{{"p":"d/hard","t":"reg","m":2541,"u":0,"g":0,"s":6,{time},"hl":"d/file"}}\n'
        f'{{"p":"d/link","t":"symlink","m":511,"u":0,"g":0,{time},"l":"a%C3%A9"}}\n'
        f'{{"p":"fifo","t":"fifo","m":384,"u":0,"g":0,{time}}}\n'
        '{"p":"no","t":"dir","m":493,"u":0,"g":0,"mt":0}\n'
        f'{{"p":"no/parent","t":"reg","m":420,"u":0,"g":0,"s":0,{time},"d":"{empty}"}}\n'
        f'{{"p":"null","t":"char","m":438,"u":0,"g":0,{time},"dev":"1:3"}}\n')


@pytest.mark.parametrize("name", TARS)
@pytest.mark.parametrize("compressor", ["none", "gzip"])
def test_tar(name, compressor, ask):
    data, text = small_tar()
    pack = gzip.compress if compressor == "gzip" else bytes
    accepted(ask(name, "oci", {"layer": pack(data)}), without_times(text, LOST.get(name, ())))
    body = data.index(b"hello\n")
    rejected(ask(name, "oci", {"layer": pack(data[:body + 3])}))
    if compressor == "gzip" and name != "python-tarfile":       # which stops where the tar ends
        rejected(ask(name, "oci", {"layer": pack(data)[:-9]}))


def zstd(data):
    return subprocess.run(["zstd", "-c"], input=data, capture_output=True, check=True).stdout


@pytest.mark.parametrize("name", TARS)
def test_tar_in_zstd(name, ask):
    data, text = small_tar()
    answer = ask(name, "oci", {"layer": zstd(data)})
    if name in ("gnu-tar", "bsdtar", "go-tar"):
        accepted(answer, text)
    else:
        assert answer["outcome"] == "unsupported"


@pytest.mark.parametrize("name,kind", [("gnu-gzip", "gzip"), ("python-gzip", "gzip"),
                                       ("zstd", "zstd"), ("go-stream", "gzip"),
                                       ("go-stream", "zstd")])
def test_stream(name, kind, ask):
    plain = b"hello\n" * 99
    data = gzip.compress(plain) if kind == "gzip" else zstd(plain)
    got = ask(name, kind, {"document": data})
    assert (got["outcome"], "sha256:" + got["plain_sha256"]) == ("accept", layer.digest(plain))
    rejected(ask(name, kind, {"document": data[:-1]}))


def test_claims_are_for_those_who_hear_them(ask):
    data, _ = small_tar()
    for name in ("gnu-tar", "go-tar"):
        accepted(ask(name, "oci", {"layer": data}, digest=layer.digest(data), size=len(data)))
        for claim in {"digest": layer.digest(b"")}, {"size": 1}, {"diff_id": layer.digest(b"")}:
            assert ask(name, "oci", {"layer": data}, **claim)["outcome"] == "unsupported"
    rejected(ask("umoci", "oci", {"layer": data}, diff_id=layer.digest(b"")))
    rejected(ask("umoci", "oci", {"layer": data}, digest=layer.digest(b"")))


@pytest.mark.parametrize("name", [n for n in TARS if n not in ("busybox-tar", "python-tarfile")])
def test_xattrs(name, ask):
    data = conftest.Tar().add("f", pax_headers={"SCHILY.xattr.user.a": "v"}).bytes()
    accepted(ask(name, "oci", {"layer": data}), (
        '{"p":"","t":"dir","m":493,"u":0,"g":0,"mt":0}\n'
        f'{{"p":"f","t":"reg","m":420,"u":0,"g":0,"s":0,"mt":{TIME}000000000,'
        f'"x":{{"user.a":"dg=="}},"d":"{layer.digest(b"")}"}}\n'))


@pytest.mark.parametrize("member", ["../out", "/out", "link/out"])
def test_nothing_gets_out(member, ask, tmp_path):
    """Python's tarfile, asked to trust, goes wherever it is sent; but not out of the jail."""
    away = tmp_path / "away"
    away.mkdir()
    tar = conftest.Tar().add("link", kind=tarfile.SYMTYPE, linkname=str(away))
    tar.add(str(away / "out") if member == "/out" else member, b"x")
    rejected(ask("python-tarfile", "oci", {"layer": tar.bytes()}))
    assert not list(away.iterdir()) and not (tmp_path / "out").exists()


def test_a_directory_of_somebody_is_left_alone(tmp_path):
    """Started by hand among files, an adapter unpacks elsewhere."""
    argv, _ = command("gnu-tar")
    data, text = small_tar()
    (tmp_path / "layer").write_bytes(data)
    done = subprocess.run([*argv, "verify", "--in=layer", "--format=oci"], cwd=tmp_path,
                          capture_output=True, text=True, check=False)
    accepted(json.loads(done.stdout), text)
    assert [path.name for path in tmp_path.iterdir()] == ["layer"]


def toc_of(data):
    """The TOC's JSON, from an eStargz blob."""
    at = int(data[-51 + 16:-51 + 32], 16)
    with tarfile.open(fileobj=io.BytesIO(gzip.decompress(data[at:-51]))) as tar:
        return tar.extractfile("stargz.index.json").read()


ESTARGZ = pytest.mark.parametrize("name", ["go-estargz", "stargz-fuse"])


@ESTARGZ
def test_estargz(name, ask):
    data = (GOLDEN / "multi-chunk4.esgz").read_bytes()
    toc = toc_of(data)
    digest = layer.digest(toc)
    accepted(ask(name, "estargz", {"layer": data}, toc_digest=digest))
    rejected(ask(name, "estargz", {"layer": data}, toc_digest=layer.digest(b"")))
    entry = next(e for e in json.loads(toc)["entries"] if e.get("size", 0) > 1)  # no landmark
    at = entry["offset"] + 14
    bad = data[:at] + bytes([data[at] ^ 1]) + data[at + 1:]
    rejected(ask(name, "estargz", {"layer": bad}, toc_digest=digest))


def test_readers_of_estargz_agree(ask):
    """On the tree of a blob, of the same in zstd, and with us."""
    got = [ask(name, kind, {"layer": (GOLDEN / file).read_bytes()})
           for name in ("go-estargz", "stargz-fuse")
           for file, kind in (("multi-chunk4.esgz", "estargz"),
                              ("multi-chunk4.zstdchunked", "zstdchunked"))]
    accepted(got[0])
    assert got == [got[0]] * 4
    damaged = (GOLDEN / "multi-chunk4.zstdchunked").read_bytes()[:-1]
    rejected(ask("go-estargz", "zstdchunked", {"layer": damaged}))


def golden(version):
    return {"bootstrap": (GOLDEN / f"nydus-v{version}.boot").read_bytes(),
            "blob": (GOLDEN / f"nydus-v{version}.blob").read_bytes()}


def our_tree(layout, store):
    return conftest.tree(f"oci:{layout}", store)


@pytest.mark.parametrize("version", [5, 6])
@pytest.mark.parametrize("name", RAFS)
def test_rafs(name, version, ask, tmp_path):
    image, kind = golden(version), f"rafs{version}"
    _, hello = command(name)
    layout = nydus.write_layout(tmp_path / "layout", image["bootstrap"], [image["blob"]], version)
    text = our_tree(layout, tmp_path / "store") if hello["tree"] else None
    accepted(ask(name, kind, image), text)
    image["bootstrap"] = image["bootstrap"][:len(image["bootstrap"]) // 2]
    rejected(ask(name, kind, image))


def test_nydusd_validates_when_told(ask):
    """Chunks of v5; of v6 only those of blobs that have the digests inside."""
    image = golden(5)
    blob = bytearray(image["blob"])
    blob[5361] ^= 1                                     # of "hello"
    name = layer.digest(image["blob"])
    whole = ask("nydusd", "rafs5", image)
    image["blob"] = bytes(blob)
    bad = ask("nydusd", "rafs5", image, blob_digest=name)
    assert bad["outcome"] == "accept" and bad["tree_sha256"] != whole["tree_sha256"]
    rejected(ask("nydusd-validate", "rafs5", image, blob_digest=name))


@pytest.fixture
def erofs(tmp_path):
    """A file system made by mkfs.erofs, and the tree that is in it."""
    conftest.root_only()
    source = tmp_path / "source"
    (source / "d").mkdir(parents=True)
    (source / "d" / "file").write_bytes(b"hello\n" * 2000)
    (source / "link").symlink_to("d/file")
    os.mkfifo(source / "fifo")
    os.mknod(source / "null", 0o20666, os.makedev(1, 3))
    for path in [*source.rglob("*"), source]:
        os.utime(path, (TIME, TIME), follow_symlinks=False)
    subprocess.run([conftest.peer("mkfs.erofs"), tmp_path / "image", source], capture_output=True,
                   check=True)
    return (tmp_path / "image").read_bytes(), treetext.text(source)


@pytest.mark.parametrize("name", ["fsck-erofs", "dump-erofs"])
def test_erofs(name, erofs, ask):
    data, text = erofs
    accepted(ask(name, "erofs", {"image": data}), text if name == "fsck-erofs" else None)
    rejected(ask(name, "erofs", {"image": data[:1024] + bytes(4) + data[1028:]}))


def test_the_kernel_sees_what_is_valid_only(erofs, ask):
    data, text = erofs
    accepted(ask("kernel-erofs", "erofs", {"image": data}, verdict="accept"), text)
    assert ask("kernel-erofs", "erofs", {"image": data})["outcome"] == "unsupported"
    assert ask("kernel-erofs", "erofs", {"image": data},
               verdict="reject")["outcome"] == "unsupported"


def test_rafs6_is_erofs(ask, tmp_path):
    image = golden(6)
    layout = nydus.write_layout(tmp_path / "layout", image["bootstrap"], [image["blob"]], 6)
    accepted(ask("kernel-erofs", "rafs6", image, verdict="accept"),
             our_tree(layout, tmp_path / "store"))
    for name in ("fsck-erofs-rafs6", "dump-erofs"):
        accepted(ask(name, "rafs6", image))
        bad = image["bootstrap"][:1024] + bytes(4) + image["bootstrap"][1028:]
        rejected(ask(name, "rafs6", {**image, "bootstrap": bad}))


MANIFEST = {"schemaVersion": 2, "mediaType": layer.MANIFEST,
            "config": {"mediaType": layer.CONFIG, "digest": layer.digest(b"{}"), "size": 2},
            "layers": []}
INDEX = {"schemaVersion": 2, "manifests": [
    {"mediaType": layer.MANIFEST, "digest": layer.digest(b"m"), "size": 1,
     "platform": {"architecture": "amd64", "os": "linux"}}]}
CONFIG = {"architecture": "amd64", "os": "linux", "rootfs": {"type": "layers", "diff_ids": []}}


@pytest.mark.parametrize("kind,document,damage", [
    ("manifest", MANIFEST, {"config": 5}), ("index", INDEX, {"manifests": 5}),
    ("config", CONFIG, {"rootfs": 5}), ("descriptor", MANIFEST["config"], {"size": "two"})])
def test_documents(kind, document, damage, ask):
    whole, bad = (json.dumps(d).encode() for d in (document, {**document, **damage}))
    accepted(ask("skopeo", kind, {"document": whole}))
    rejected(ask("skopeo", kind, {"document": bad}))


@pytest.mark.parametrize("ending,want", [("kill -SEGV $$", signal.SIGSEGV),
                                         ("exit 101", signal.SIGABRT)])
def test_a_tool_that_crashes_takes_its_adapter_with_it(ending, want, tmp_path):
    conftest.root_only()
    fake = tmp_path / "nydus-image"
    fake.write_text(f"#!/bin/sh\n{ending}\n")
    fake.chmod(0o755)
    done = subprocess.run([HERE / "rafs.py", "nydus-image-check", f"--peers={tmp_path}", "verify",
                           f"--in={fake}", "--format=rafs5"], cwd=tmp_path, capture_output=True,
                          check=False)
    assert (done.returncode, done.stdout) == (-want, b"")


def test_a_missing_program_is_one_clear_line(tmp_path):
    for program, name in ("tars.py", "umoci"), ("erofs.py", "fsck-erofs"), ("rafs.py", "nydusd"):
        argv = [sys.executable, HERE / program, name, f"--peers={tmp_path}", "hello"]
        done = subprocess.run(argv, capture_output=True, text=True, check=False,
                              env={"PATH": str(tmp_path)})
        assert done.returncode == 3 and done.stdout == ""
        assert done.stderr.endswith("is not installed: make peers\n")
        assert done.stderr.count("\n") == 1
