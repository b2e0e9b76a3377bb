#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""mutants [OPTION...] [AREA...] - do the vectors notice when ref/ is wrong?

One small mistake at a time is made in a function that verifies (conformance/selftest/mutants.list);
the program is linked with it and asked about the vectors of its area.  A mutant is killed when any
vector's class is another one than before.  Results are JSON lines; a run goes on where the last
one ended.  Exit status: 0, 1 too many survive, 2 the lists or the build are wrong."""
import argparse
import collections
import concurrent.futures
import hashlib
import json
import os
import pathlib
import queue
import random
import re
import shutil
import subprocess
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent
SELF = ROOT / "conformance/selftest"
EQUIVALENT = 0.10  # ours, at most
FUNCTION = re.compile(r"^[a-z](?:[^;{}\n]|\n(?!\n))*?\b(\w+)\((?:[^;{}])*\)\n\{\n(.*?)^\}",
                      re.M | re.S)
RELATIONS = {"<": "<=", "<=": "<", ">": ">=", ">=": ">"}

Mutant = collections.namedtuple("Mutant", "name area selectors file line text source")


def blank(source):
    """The same text, as long, without what is in comments and literals."""
    def spaces(m):
        return re.sub(r"[^\n]", " ", m[0])
    return re.sub(r'/\*.*?\*/|//[^\n]*|"(?:\\.|[^"\\])*"|\'(?:\\.|[^\'\\])*\'', spaces, source,
                  flags=re.S)


def closing(text, at):
    """Where the parenthesis that opens at @at is closed."""
    depth = 0
    for i in range(at, len(text)):
        depth += {"(": 1, ")": -1}.get(text[i], 0)
        if not depth:
            return i
    raise ValueError("parentheses")


def conditions(code):
    """(begin, end, what is done) of each condition of an if, without its parentheses."""
    for m in re.finditer(r"\bif \(", code):
        end = closing(code, m.end() - 1)
        yield m.end(), end, re.match(r"\)\s*\{?\s*([^;]*)", code[end:])[1]


def dropped(code):
    """A check that never fails; a check of another function that is not heeded."""
    for begin, end, done in conditions(code):
        if re.match(r"return lp_fail\(", done):
            yield "drop", begin, end, "0 && ({})"
        elif re.match(r"return (err->)?code", done) and \
                re.search(r"(check|verify|agree)\w*\(", code[begin:end]):
            yield "drop", begin, end, "({}) && 0"


def negated(code):
    for begin, end, done in conditions(code):
        if re.match(r"return (lp_fail\(|false|true)", done):
            yield "negate", begin, end, "!({})"


def compared(code):
    """Another relation, but in the head of a for loop, where it reads what is not there."""
    loops = [(m.start(), closing(code, m.end() - 1)) for m in re.finditer(r"\bfor \(", code)]
    for m in re.finditer(r" ([<>]=?) ", code):
        if not any(a < m.start() < b for a, b in loops):
            yield "compare", m.start(1), m.end(1), RELATIONS[m[1]]


def messages(code):
    """(begin, end) of the arguments of each failure: the place and the words, no judgement."""
    return [(m.end(), closing(code, m.end() - 1)) for m in re.finditer(r"\blp_fail\w*\(", code)]


def counted(code):
    """Numbers that something is compared with or computed from, one more and one less."""
    said = messages(code)
    for m in re.finditer(r"(?<=[-+*/%<>=&|] )(0x[0-9a-f]+|[1-9][0-9]*)\b(?!\.)", code):
        if any(a < m.start() < b for a, b in said):
            continue
        yield "more", m.start(), m.end(), "({} + 1)"
        yield "less", m.start(), m.end(), "({} - 1)"


def hashed(code):
    """A digest over a byte too few."""
    for m in re.finditer(r"\blp_(hash_add|digest_of|blake3_add)\(", code):
        arguments = [m.end()]
        end, depth = closing(code, m.end() - 1), 0
        for i in range(m.end(), end):
            depth += {"(": 1, "[": 1, ")": -1, "]": -1}.get(code[i], 0)
            if code[i] == "," and not depth:
                arguments.append(i + 1)
        if len(arguments) >= 3:
            stop = arguments[3] - 1 if len(arguments) > 3 else end
            yield "hash", arguments[2], stop, " ({}) - !!({})"


def shortened(code):
    """A read that was too short counts as whole."""
    for begin, end, done in conditions(code):
        if "LP_ESHORT" in done:
            yield "short", begin, end, "0 && ({})"


OPERATORS = (dropped, negated, compared, counted, hashed, shortened)


def mutate(area, selectors, file, wanted):
    """All mutants of the functions of @file that are @wanted ("*": all of them)."""
    source = (ROOT / file).read_text()
    code, found = blank(source), set()
    for f in FUNCTION.finditer(code):
        name, base = f[1], f.start(2)
        if wanted != ["*"] and name not in wanted:
            continue
        found.add(name)
        number, seen = collections.Counter(), set()
        for operator in OPERATORS:
            for op, begin, end, new in operator(f[2]):
                begin, end = begin + base, end + base
                old = source[begin:end]
                new = new.replace("{}", old)
                number[op] += 1
                if (begin, end, new) in seen:
                    continue
                seen.add((begin, end, new))
                line = source.count("\n", 0, begin) + 1
                yield Mutant(f"{file}:{name}:{op}:{number[op]}", area, selectors, file, line,
                             " ".join(f"{old} -> {new}".split()),
                             source[:begin] + new + source[end:])
    if wanted != ["*"] and set(wanted) - found:
        sys.exit(f"mutants: {file} has no function {', '.join(sorted(set(wanted) - found))}")


def lines(file):
    for number, line in enumerate(file.read_text().splitlines(), 1):
        text, _, why = line.partition("#")
        if text.strip():
            yield f"{file.name}:{number}", text.split(), why.strip()


def all_mutants(areas):
    out, known = [], set()
    for where, words, _ in lines(SELF / "mutants.list"):
        if len(words) < 4:
            sys.exit(f"mutants: {where}: want AREA SELECTOR[,SELECTOR...] FILE FUNCTION...")
        known.add(words[0])
        if not areas or words[0] in areas:
            out += mutate(words[0], words[1].split(","), words[2], words[3:])
    if set(areas) - known:
        sys.exit(f"mutants: no area {', '.join(sorted(set(areas) - known))}")
    return out


def equivalents(mutants, whole):
    """Names of mutants that nobody can kill.  Each has a reason and exists."""
    names = {m.name for m in mutants}
    out = set()
    for where, words, why in lines(SELF / "equivalent.list"):
        if len(words) != 1 or not why or whole and words[0] not in names:
            sys.exit(f"mutants: {where}: want the name of a mutant  # why")
        out.add(words[0])
    return out & names


class Workshop:
    """A directory where mutants are built and asked, one at a time."""

    def __init__(self, build, directory):
        self.build, self.dir = build, directory
        words = (build / "settings").read_text().split()
        self.compile = [w for w in words if not w.startswith(("-l", "-W"))]
        self.libraries = [w for w in words if w.startswith("-l")]
        self.dir.mkdir()

    def run(self, argv, seconds):
        """Its exit status, or None when it takes too long."""
        env = os.environ | {"TMPDIR": str(self.dir)}
        try:
            return subprocess.run(argv, cwd=ROOT, env=env, timeout=seconds, check=False,
                                  stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL).returncode
        except subprocess.TimeoutExpired:
            return None

    def link(self, mutant):
        """False: it cannot be compiled."""
        c, o = self.dir / pathlib.Path(mutant.file).name, self.dir / "mutant.o"
        c.write_text(mutant.source)
        return not self.run([*self.compile, "-w", "-O1", f"-I{(ROOT / mutant.file).parent}",
                             "-c", "-o", o, c], 60) and \
            not self.run([self.compile[0], "-o", self.dir / "lazypull",
                          self.build / "ref/cmd/lazypull.o", o, self.build / "libref.a",
                          *[w for w in self.compile if w.startswith("-fsan")],
                          *self.libraries], 60)

    def ask(self, selectors, program, seconds):
        """{vector: class}, or None when it takes too long."""
        results = self.dir / "results.jsonl"
        results.unlink(missing_ok=True)
        status = self.run([self.build / "lazyconf", "run", "--mode=b", "--jobs=1", "--seed=1",
                           "--timeout=2s", f"--build={program}", f"--results={results}",
                           *selectors], seconds)
        if status is None:
            return None
        if not results.exists():
            return {"": f"exit status {status}"}
        rows = [json.loads(line) for line in results.read_text().splitlines()[1:-1]]
        return {r["id"]: r["class"] for r in rows}


class Trial:
    def __init__(self, build, scratch, jobs):
        self.shops, self.before = queue.Queue(), {}
        self.build = build
        for i in range(jobs):
            self.shops.put(Workshop(build, scratch / str(i)))

    def baseline(self, selectors):
        """What the program says as it is."""
        shop, began = self.shops.get(), time.monotonic()
        self.before[selectors] = shop.ask(selectors, self.build, 300), time.monotonic() - began
        self.shops.put(shop)
        if not self.before[selectors][0] or "" in self.before[selectors][0]:
            sys.exit(f"mutants: lazyconf run {' '.join(selectors)}: {self.before[selectors][0]}")

    def judge(self, mutant):
        shop = self.shops.get()
        try:
            return self.judge_in(shop, mutant)
        finally:
            self.shops.put(shop)

    def judge_in(self, shop, mutant):
        began = time.monotonic()
        before, seconds = self.before[tuple(mutant.selectors)]
        result, killer = "build failed", ""
        if shop.link(mutant):
            after = shop.ask(mutant.selectors, shop.dir, 20 + 5 * seconds)
            differ = [i for i in before if after is not None and after.get(i) != before[i]]
            result = "killed" if after is None or differ else "survived"
            killer = "too slow" if after is None else differ[0] if differ else ""
        return {"name": mutant.name, "area": mutant.area, "line": mutant.line,
                "text": mutant.text, "result": result, "killer": killer,
                "key": key(mutant), "seconds": round(time.monotonic() - began, 2)}


def key(mutant):
    return hashlib.sha256(mutant.source.encode()).hexdigest()[:16]


def load(path, mutants):
    """Results of an earlier run that still are of these mutants."""
    keys, out = {m.name: key(m) for m in mutants}, {}
    for line in path.read_text().splitlines() if path.exists() else []:
        r = json.loads(line)
        if keys.get(r["name"]) == r["key"]:
            out[r["name"]] = r
    return out


def score(rows, equivalent, least):
    """Print it by area; is it good enough?"""
    rows = [r for r in rows if r["result"] != "build failed"]
    count = collections.defaultdict(collections.Counter)
    for r in rows:
        kind = "equivalent" if r["name"] in equivalent and r["result"] == "survived" \
            else r["result"]
        for area in (r["area"], "all"):
            count[area][kind] += 1
        if kind == "killed" and r["name"] in equivalent:
            print(f"  FAIL  {r['name']} is listed as equivalent, {r['killer']} kills it")
            count["all"]["wrong"] += 1
        if kind == "survived":
            print(f"  LIVES {r['name']} (line {r['line']}): {r['text']:.120}")
    good = bool(rows) and not count["all"].pop("wrong", 0)
    for area in [*sorted(set(count) - {"all"}), "all"]:
        c = count[area]
        n = c["killed"] + c["survived"]
        print(f"{area:12} {c['killed']} of {n} killed, "
              f"{100 * c['killed'] / n if n else 100:.1f} %, {c['equivalent']} equivalent")
    c = count["all"]
    return good and 100 * c["killed"] >= least * (c["killed"] + c["survived"]) and \
        c["equivalent"] <= EQUIVALENT * len(rows)


def arguments():
    p = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    p.add_argument("--build", type=pathlib.Path, default=ROOT / "build")
    p.add_argument("--results", type=pathlib.Path, help="go on with it (BUILD/mutants.jsonl)")
    p.add_argument("--sample", type=int, help="so many of them, chosen by --seed")
    p.add_argument("--seed", type=int, default=1)
    p.add_argument("--jobs", type=int, default=2)
    p.add_argument("--least", type=float, default=95, help="per cent that must be killed (95)")
    p.add_argument("--list", action="store_true", help="print the mutants and do nothing")
    p.add_argument("area", nargs="*")
    return p.parse_args()


def main():
    args = arguments()
    mutants = all_mutants(args.area)
    equivalent = equivalents(mutants, not args.area)
    if args.sample and args.sample < len(mutants):
        chosen = set(random.Random(args.seed).sample(range(len(mutants)), args.sample))
        mutants = [m for i, m in enumerate(mutants) if i in chosen]
    if args.list:
        for m in mutants:
            print(m.area, m.name, m.line, m.text)
        print(len(mutants), "mutants")
        return 0
    path = args.results or args.build / "mutants.jsonl"
    done = load(path, mutants)
    left = [m for m in mutants if m.name not in done]
    scratch = pathlib.Path(tempfile.mkdtemp(prefix="mutants-"))
    try:
        trial = Trial(args.build.resolve(), scratch, args.jobs)
        for selectors in sorted({tuple(m.selectors) for m in left}):
            trial.baseline(selectors)
        with concurrent.futures.ThreadPoolExecutor(args.jobs) as pool, path.open("a") as out:
            for row in pool.map(trial.judge, left):
                done[row["name"]] = row
                print(json.dumps(row), file=out, flush=True)
    finally:
        shutil.rmtree(scratch, ignore_errors=True)
    return 0 if score([done[m.name] for m in mutants], equivalent, args.least) else 1


if __name__ == "__main__":
    sys.exit(main())
