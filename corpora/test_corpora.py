# SPDX-License-Identifier: MIT
"""The builder of images: what a recipe means, and that the same recipe gives the same bytes."""
import hashlib
import json
import os
import shutil
import subprocess
import sys
import tarfile

import pytest

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, HERE)

import debian  # noqa: E402
from recipe import Recipe, RecipeError  # noqa: E402
from tree import Node, Tree, write_layer  # noqa: E402

RECIPE = """
layer one   # a comment
directory /usr 755
directory /usr/bin 755
link /bin usr/bin
file /bin/tool 0755 <<END
#!/bin/sh
END
synthetic /data 100 7
layer two
copy /usr/bin/tool /etc/deep/copy
join /etc/all /usr/bin
env A=b
cmd sh -c "exit 0"
task first /bin/tool "two words"
ready http 80 /
task second /bin/tool
"""


def make(folder, name="test", out="out"):
    return subprocess.run([sys.executable, os.path.join(HERE, "make.py"), "--out",
                           os.path.join(folder, out), name],
                          capture_output=True, text=True, check=False)


def write_recipe(folder, text):
    path = os.path.join(folder, "test.recipe")
    with open(path, "w", encoding="utf-8") as f:
        f.write(text)
    return path


def blob(layout, digest):
    return os.path.join(layout, "blobs", *digest.split(":"))


def read_layout(layout):
    """The manifest, the configuration, and the members of each layer; all digests checked."""
    for name in os.listdir(os.path.join(layout, "blobs/sha256")):
        with open(os.path.join(layout, "blobs/sha256", name), "rb") as f:
            assert hashlib.sha256(f.read()).hexdigest() == name
    with open(os.path.join(layout, "index.json"), encoding="utf-8") as f:
        entry = json.load(f)["manifests"][0]
    assert entry["annotations"]["org.opencontainers.image.ref.name"] == "latest"
    with open(blob(layout, entry["digest"]), encoding="utf-8") as f:
        manifest = json.load(f)
    with open(blob(layout, manifest["config"]["digest"]), encoding="utf-8") as f:
        config = json.load(f)
    layers = []
    for layer in manifest["layers"]:
        with tarfile.open(blob(layout, layer["digest"])) as tar:
            layers.append({m.name: (m, tar.extractfile(m).read() if m.isreg() else b"")
                           for m in tar})
    return manifest, config, layers


@pytest.fixture
def built(tmp_path):
    """The image of RECIPE, made by a copy of the scripts in which it is the only recipe."""
    scripts = tmp_path / "corpora"
    scripts.mkdir()
    for name in os.listdir(HERE):
        if name.endswith(".py"):
            shutil.copy(os.path.join(HERE, name), scripts)
    write_recipe(scripts, RECIPE)
    for out in ("a", "b"):
        subprocess.run([sys.executable, scripts / "make.py", "--out", tmp_path / out, "test"],
                       check=True)
    return tmp_path


def test_same_recipe_same_bytes(built):
    records = [(built / out / "test.layers").read_text() for out in ("a", "b")]
    assert records[0] == records[1]
    assert records[0].startswith("test manifest sha256:")


def test_what_a_recipe_makes(built):
    manifest, config, (one, two) = read_layout(built / "a/test")
    assert len(manifest["layers"]) == 2
    assert config["config"] == {"Env": ["A=b"], "Cmd": ["sh", "-c", "exit 0"], "WorkingDir": "/"}
    assert list(one) == sorted(one)
    assert one["bin"][0].issym() and "bin/tool" not in one
    assert one["usr/bin/tool"][1] == b"#!/bin/sh\n" and one["usr/bin/tool"][0].mode == 0o755
    assert sum(m.isreg() for m, _ in one.values()) == 101
    assert two["etc/deep/copy"][1] == two["etc/all"][1] == b"#!/bin/sh\n"
    assert two["etc/deep"][0].isdir()


def test_tasks(built):
    tasks = json.loads((built / "a/test.json").read_text())
    assert tasks["tag"] == "latest"
    assert tasks["tasks"][0] == {"name": "first", "argv": ["/bin/tool", "two words"], "env": [],
                                 "ready": {"kind": "http", "port": 80, "path": "/"}}
    assert tasks["tasks"][1]["ready"] == {"kind": "exit"}


def test_hello_runs(tmp_path):
    result = make(tmp_path, "hello")
    assert result.returncode == 0, result.stderr
    assert "corpora/digests.txt" in result.stdout
    _, _, (layer,) = read_layout(tmp_path / "out/hello")
    program = tmp_path / "hello"
    program.write_bytes(layer["hello"][1])
    program.chmod(0o755)
    out = subprocess.run([program], capture_output=True, text=True, check=True).stdout
    assert out.startswith("hello")
    assert "up to date" in make(tmp_path, "hello").stdout


def test_umoci_unpacks(tmp_path):
    if not shutil.which("umoci"):
        pytest.skip("umoci is not installed: apt-get install umoci")
    assert make(tmp_path, "hello").returncode == 0
    subprocess.run(["umoci", "unpack", "--rootless", "--image", tmp_path / "out/hello:latest",
                    tmp_path / "bundle"], check=True, capture_output=True)
    assert os.access(tmp_path / "bundle/rootfs/hello", os.X_OK)


@pytest.mark.parametrize("text, says", [
    ("file /a 0644 <<END\nx\n", "END is missing"),
    ("packages bash", "before the first layer"),
    ("layer a\nnonsense", "no such directive"),
    ("layer a\ntask t x\nready soon", "want line TEXT"),
    ("layer a\nfile /a 9 <<END\nEND", "test.recipe:2"),
    ("layer a\nlink 'x", "test.recipe:2"),
])
def test_bad_recipe(tmp_path, text, says):
    with pytest.raises(RecipeError, match=says):
        Recipe(write_recipe(tmp_path, text))


def test_two_names_of_one_file(tmp_path):
    tree = Tree()
    tree.layers.append({})
    node = Node(tarfile.REGTYPE, 0o644, b"data")
    tree.add("z", node)
    tree.add("a", node)
    made = write_layer(tree.layers[0], tmp_path / "layer")
    assert made["entries"] == 2
    with tarfile.open(tmp_path / "layer") as tar:
        first, second = tar.getmembers()
        assert first.name == "a" and first.isreg()
        assert second.name == "z" and second.islnk() and second.linkname == "a"


def package(name, depends="", provides=""):
    return debian.Package({"Package": name, "Version": "1", "SHA256": "0", "Architecture": "all",
                           "Depends": depends, "Provides": provides})


@pytest.mark.parametrize("roots, want", [
    (["a"], "a b c"),
    (["d"], "d e"),          # the first of two alternatives
    (["d", "f"], "d f"),     # the one that is chosen already
    (["g", "p"], "g p"),     # a virtual package, provided by p
    (["g"], None),           # and by nobody
    (["none"], None),
    (["loop"], "loop pool"),
])
def test_closure(monkeypatch, roots, want):
    archive = {p.name: p for p in (
        package("a", "b (>= 1), c:any"), package("b"), package("c", "b"), package("d", "e | f"),
        package("e"), package("f"), package("g", "virtual"), package("p", "", "virtual (= 1)"),
        package("loop", "pool"), package("pool", "loop"))}
    monkeypatch.setattr(debian, "show", lambda names: {n: archive[n] for n in names
                                                       if n in archive})
    if want is None:
        with pytest.raises(debian.DebianError):
            debian.closure(roots, {})
    else:
        assert [p.name for p in debian.closure(roots, {})] == want.split()
