#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""make - build the images of corpora/*.recipe as OCI layouts, tag "latest".

usage: corpora/make.py [--out DIR] [--force] [--record] [NAME...]

Beside the layout DIR/NAME come NAME.packages (name, version, sha256), NAME.layers (what was made)
and NAME.json (the tasks).  An image whose recipe did not change is left alone; --force makes it
anew.  Every build is compared with corpora/digests.txt; --record makes it what is expected.
"""
import argparse
import concurrent.futures
import glob
import hashlib
import json
import multiprocessing
import os
import shutil
import subprocess
import sys
import tarfile
import tempfile
import time

import debian
import synthetic
from image import write_image
from recipe import Recipe, RecipeError
from record import compare, keep, read, save
from tree import Node, Tree, write_layer

HERE = os.path.dirname(os.path.abspath(__file__))
SCRIPTS = ("make.py", "debian.py", "image.py", "recipe.py", "synthetic.py", "tree.py")


class Builder:
    """One image: the steps of its recipe, applied to a tree."""

    def __init__(self, recipe, cache):
        self.recipe, self.cache = recipe, cache
        self.tree, self.have, self.made_of = Tree(), {}, []

    def run(self):
        for layer in self.recipe.layers:
            self.tree.layers.append({})
            for directive, *args in layer.steps:
                getattr(self, "do_" + directive)(*args)

    def do_packages(self, *roots):
        new = debian.closure(roots, self.have)
        self.have.update((p.name, p) for p in new)
        self.unpack(new)

    def do_only(self, name, *paths):
        """Some files of one package, without what it depends on."""
        package = debian.show([name])[name]
        whole = Tree()
        whole.layers.append({})
        debian.download([package], self.cache)
        whole.add_tar(debian.unpack(package.file(self.cache)))
        self.made_of.append((package.name, package.version, package.sha256))
        for path in paths:
            self.tree.add(path, whole.look(path.lstrip("/")))

    def unpack(self, packages):
        debian.download(packages, self.cache)
        with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
            tars = pool.map(lambda p: debian.unpack(p.file(self.cache)), packages)
            for package, tar in zip(packages, tars):
                self.tree.add_tar(tar)
                self.made_of.append((package.name, package.version, package.sha256))

    def do_program(self, path, source):
        """A static program, by the host's compiler: its version is recorded like a package's."""
        with tempfile.NamedTemporaryFile() as out:
            subprocess.run(["cc", "-D_GNU_SOURCE", "-O2", "-static", "-s", "-Wl,--build-id=none", "-o", out.name,
                            os.path.join(self.recipe.folder, source)], check=True)
            with open(out.name, "rb") as f:
                data = f.read()
        version = subprocess.run(["cc", "-dumpfullversion"], stdout=subprocess.PIPE, check=True,
                                 text=True).stdout.strip()
        libc = os.confstr("CS_GNU_LIBC_VERSION").replace(" ", "-")
        self.made_of.append(("cc:" + source, f"{version}+{libc}", hashlib.sha256(data).hexdigest()))
        self.tree.add(path, Node(tarfile.REGTYPE, 0o755, data))

    def do_file(self, path, mode, data):
        self.tree.add(path, Node(tarfile.REGTYPE, mode, data))

    def do_directory(self, path, mode):
        self.tree.add(path, Node(tarfile.DIRTYPE, int(mode, 8)))

    def do_link(self, path, target):
        self.tree.add(path, Node(tarfile.SYMTYPE, 0o777, target=target))

    def do_copy(self, source, path):
        node = self.tree.look(self.tree.real(source))
        self.tree.add(path, Node(tarfile.REGTYPE, node.info.mode, node.data))

    def do_join(self, path, folder):
        """The files of a folder, one behind the other, as update-ca-certificates does."""
        below = folder.lstrip("/") + "/"
        names = {n for layer in self.tree.layers for n in layer if n.startswith(below)}
        data = b"".join(self.tree.look(n).data for n in sorted(names))
        self.tree.add(path, Node(tarfile.REGTYPE, 0o644, data))

    def do_synthetic(self, folder, files, seed):
        for path, data in synthetic.files(int(files), int(seed)):
            self.tree.add(folder + path, Node(tarfile.REGTYPE, 0o644, data))

    def do_ldconfig(self):
        self.tree.run_ldconfig()


LAYERS = []  # of the image being written; the processes that pack them inherit it


def pack(job):
    number, folder = job
    path = os.path.join(folder, f"layer-{number}")
    made = write_layer(LAYERS[number], path)
    os.rename(path, os.path.join(folder, made["digest"].removeprefix("sha256:")))
    return made


def build(recipe, out, cache):
    """Make one image, and the records beside it."""
    layout = os.path.join(out, recipe.name)
    builder = Builder(recipe, cache)
    builder.run()
    LAYERS[:] = builder.tree.layers
    shutil.rmtree(layout + ".new", ignore_errors=True)
    os.makedirs(os.path.join(layout + ".new", "blobs/sha256"))
    jobs = [(i, os.path.join(layout + ".new", "blobs/sha256")) for i in range(len(LAYERS))]
    with multiprocessing.get_context("fork").Pool(os.cpu_count()) as pool:
        layers = pool.map(pack, jobs, chunksize=1)
    digest = write_image(recipe, layers, layout + ".new")
    made_of = sorted(set(builder.made_of))
    save(layout + ".packages", "".join(" ".join(p) + "\n" for p in made_of))
    record = [f"{recipe.name} manifest {digest}"]
    record += [f"{recipe.name} layer-{step.name} {d['digest']} {d['size']} plain {d['diff_id']} "
               f"{d['plain']} entries {d['entries']}" for step, d in zip(recipe.layers, layers)]
    of = hashlib.sha256("".join(" ".join(p) + "\n" for p in made_of).encode()).hexdigest()
    record.append(f"{recipe.name} packages sha256:{of} {len(made_of)}")
    save(layout + ".layers", "".join(r + "\n" for r in record))
    save(layout + ".json", json.dumps({"name": recipe.name, "tag": "latest", "tasks":
                                       [t.json() for t in recipe.tasks]}, indent=1) + "\n")
    shutil.rmtree(layout, ignore_errors=True)
    os.rename(layout + ".new", layout)


def stamp(recipe):
    """Changes when the image would, the archive's packages aside."""
    digest = hashlib.sha256()
    scripts = [os.path.join(HERE, s) for s in SCRIPTS]
    for path in sorted(recipe.files + scripts):
        digest.update(debian.sha256_of(path).encode())
    return digest.hexdigest() + "\n"


def main():
    known = sorted(glob.glob(os.path.join(HERE, "*.recipe")))
    p = argparse.ArgumentParser(description="build images as OCI layouts")
    p.add_argument("--out", default="build/corpora")
    p.add_argument("--force", action="store_true")
    p.add_argument("--record", action="store_true")
    p.add_argument("names", nargs="*", metavar="NAME", help="default: all")
    args = p.parse_args()
    names = args.names or [os.path.basename(k).removesuffix(".recipe") for k in known]
    cache = os.path.join(os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache"),
                         "lazypull/debs")
    os.makedirs(args.out, exist_ok=True)
    good, records, packages = True, {}, []
    for name in names:
        start, recipe = time.monotonic(), Recipe(os.path.join(HERE, name + ".recipe"))
        layout = os.path.join(args.out, name)
        fresh = read(layout + ".stamp") != stamp(recipe) or args.force
        if fresh:
            build(recipe, args.out, cache)
            save(layout + ".stamp", stamp(recipe))
        print(f"  {name}: {layout}, " + (f"{time.monotonic() - start:.0f} s" if fresh
                                         else "up to date"))
        records[name] = read(layout + ".layers").splitlines()
        packages += read(layout + ".packages").splitlines()
        if fresh and not args.record:
            good &= compare(name, records[name], read(layout + ".packages").splitlines())
    if args.record:
        keep(records, packages)
    return 0 if good else 1


if __name__ == "__main__":
    try:
        sys.exit(main())
    except (RecipeError, debian.DebianError, subprocess.CalledProcessError, OSError) as error:
        print(f"corpora/make.py: {error}", file=sys.stderr)
        sys.exit(3)
