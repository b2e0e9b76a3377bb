# SPDX-License-Identifier: MIT
"""An adapter in Python: a table of readers, one of which the command line names."""
import dataclasses
import pathlib
import re
import subprocess
import sys
import typing

import layer
import protocol
import tool


NUMBER = re.compile(r"\d+(\.\d+)+")


@dataclasses.dataclass(frozen=True)
class Reader:
    """Somebody else's implementation, in one configuration.

    ask(request, work) gives the canonical tree or None; work is an empty directory that is gone
    afterwards.  Paths in the request are absolute.
    """
    ask: typing.Callable
    program: str                # must be installed
    version: tuple              # the words that make it tell, or the number itself
    home: str
    formats: tuple
    features: tuple = ()
    ops: tuple = ("verify",)
    policies: dict = dataclasses.field(default_factory=dict)
    tree: bool = True           # can it tell a tree?
    claims: bool = False        # does it hear what a descriptor claims of the first input?
    verdicts: tuple = ("accept", "reject", "either")    # of the vectors that it may see


def version(reader, program):
    """The first number with a dot that it tells."""
    if isinstance(reader.version, str):
        return reader.version
    said = subprocess.run([program, *reader.version], capture_output=True, text=True, check=False)
    found = NUMBER.search(said.stdout + said.stderr)
    return found[0] if found else "unknown"


def hello(name, reader, program):
    return {"protocol": 1,
            "impl": {"name": name, "version": version(reader, program), "home": reader.home},
            "formats": list(reader.formats), "ops": list(reader.ops),
            "features": sorted(reader.features), "policies": reader.policies,
            "verdicts": list(reader.verdicts), "tree": reader.tree, "phases": False}


def true_claims(request):
    """Is what the arguments claim of the first input so?"""
    data = pathlib.Path(request.input()).read_bytes()
    claims = {"digest": lambda: layer.digest(data), "size": lambda: str(len(data)),
              "diff_id": lambda: layer.diff_id(data)}
    return all(request.args[name] == really() for name, really in claims.items()
               if name in request.args)


def judge(name, reader, program, request):
    if request.format not in reader.formats:
        raise protocol.Unsupported(f"{name} does not read {request.format}")
    if len(reader.verdicts) == 1 and request.args.get("verdict") not in reader.verdicts:
        raise protocol.Unsupported(f"{name} gets what is known to be valid: --verdict=accept")
    if not reader.claims and not true_claims(request):
        raise protocol.Unsupported(f"{name} never hears what a descriptor claims")
    request.program = program
    request.inputs = {role: str(pathlib.Path(path).absolute())
                      for role, path in request.inputs.items()}
    with tool.scratch() as work:
        return reader.ask(request, work)


def start(readers):
    """A program: READER [--peers=DIR] and the protocol's words.  Its exit status."""
    name, *words = sys.argv[1:] or [""]
    folder = None
    if words and words[0].startswith("--peers="):
        folder = pathlib.Path(words.pop(0)[len("--peers="):])
    if name not in readers or not words:
        print(f"usage: {pathlib.Path(sys.argv[0]).name} {'|'.join(readers)} [--peers=DIR]"
              " hello|serve|verify...", file=sys.stderr)
        return 3
    reader = readers[name]
    try:
        program = tool.find(reader.program, folder)
        tool.jail()
    except tool.Missing as why:
        print(f"{name}: {why}", file=sys.stderr)
        return 3
    said = hello(name, reader, program)
    return protocol.main(lambda: said, lambda request: judge(name, reader, program, request), words)
