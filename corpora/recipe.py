# SPDX-License-Identifier: MIT
"""recipe - read corpora/*.recipe: one directive a line, layers from the lowest up.  README.md lists them."""
import os
import shlex


class RecipeError(Exception):
    pass


class Layer:
    def __init__(self, name):
        self.name = name
        self.steps = []  # (directive, arguments...), in the order of the file


class Task:
    def __init__(self, name, argv):
        self.name, self.argv, self.ready = name, argv, {"kind": "exit"}

    def json(self):
        return {"name": self.name, "argv": self.argv, "env": [], "ready": self.ready}


class Recipe:
    def __init__(self, path):
        self.name = os.path.basename(path).removesuffix(".recipe")
        self.folder = os.path.dirname(path)
        self.layers, self.tasks, self.env = [], [], []
        self.cmd, self.workdir = [], "/"
        self.files = []  # all that the image is made from, besides packages
        self.read(path)

    def read(self, path):
        self.files.append(path)
        with open(path, encoding="utf-8") as f:
            lines = iter(enumerate(f.read().split("\n"), 1))
        for number, line in lines:
            try:
                words = shlex.split(line, comments=True)
                if words:
                    self.take(words, lines)
            except (RecipeError, ValueError, IndexError) as e:
                raise RecipeError(f"{path}:{number}: {line.strip()}: {e}") from None

    def step(self, *words):
        if not self.layers:
            raise RecipeError("before the first layer")
        steps = self.layers[-1].steps
        if words[0] == "packages" and steps and steps[-1][0] == "packages":
            words = steps.pop() + words[1:]  # one closure: a later line may name a provider
        steps.append(words)

    def take(self, words, lines):
        directive, args = words[0], words[1:]
        if directive == "include":
            self.read(os.path.join(self.folder, args[0]))
        elif directive == "layer":
            self.layers.append(Layer(args[0]))
        elif directive == "file":
            path, mode, end = args
            self.step("file", path, int(mode, 8), here_text(end, lines))
        elif directive in ("directory", "copy", "join", "program", "link", "synthetic", "packages",
                           "only", "ldconfig"):
            self.step(directive, *args)
            if directive == "program":
                self.files.append(os.path.join(self.folder, args[1]))
        elif directive == "env":
            self.env += args
        elif directive == "cmd":
            self.cmd = args
        elif directive == "workdir":
            self.workdir = args[0]
        elif directive == "task":
            self.tasks.append(Task(args[0], args[1:]))
        elif directive == "ready":
            self.tasks[-1].ready = ready(args)
        else:
            raise RecipeError("no such directive")


def here_text(end, lines):
    """The lines up to the one that is END of <<END."""
    if not end.startswith("<<"):
        raise RecipeError("want <<WORD")
    text = []
    for _, line in lines:
        if line == end[2:]:
            return "".join(t + "\n" for t in text).encode()
        text.append(line)
    raise RecipeError(f"{end[2:]} is missing")


def ready(args):
    if args[0] == "line":
        return {"kind": "line", "text": args[1]}
    if args[0] == "http":
        return {"kind": "http", "port": int(args[1]), "path": args[2]}
    if args[0] == "exit":
        return {"kind": "exit"}
    raise RecipeError("want line TEXT, http PORT PATH, or exit")
