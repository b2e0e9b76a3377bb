# SPDX-License-Identifier: MIT
"""scripts/mutants.py makes the mistakes that it says, counts what survives, and goes on."""
import importlib.util
import pathlib

import pytest

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
SPEC = importlib.util.spec_from_file_location("mutants", ROOT / "scripts/mutants.py")
mutants = importlib.util.module_from_spec(SPEC)
SPEC.loader.exec_module(mutants)

SOURCE = """\
/* if (comment) return lp_fail(err, 1 + 2); */
static enum lp_code check(const uint8_t *p, size_t n, struct lp_err *err)
{
	for (size_t i = 0; i < n; i++)
		if (p[i] > 0x7f)
			return lp_fail(err, LP_EFORMAT, n + 4, RULE, "> 3 + 5");
	if (n < 12)
		return lp_fail(err, LP_ESHORT, 0, RULE, "short");
	lp_hash_add(&h, p, n);
	return LP_OK;
}

static enum lp_code other(size_t n,
			  struct lp_err *err)
{
	if (check_it(n, err))
		return err->code;
	return n <= 3 ? LP_OK : lp_fail(err, LP_EFORMAT, 0, RULE, "no");
}
"""


@pytest.fixture
def make(tmp_path, monkeypatch):
    monkeypatch.setattr(mutants, "ROOT", tmp_path)
    monkeypatch.setattr(mutants, "SELF", tmp_path)
    (tmp_path / "x.c").write_text(SOURCE)
    return lambda *wanted: list(mutants.mutate("area", ["oci"], "x.c", list(wanted) or ["*"]))


def test_operators(make):
    """Each operator, where it applies and nowhere else: messages, comments and loops are left."""
    assert [(m.name.split(":", 1)[1], m.text) for m in make()] == [
        ("check:drop:1", "p[i] > 0x7f -> 0 && (p[i] > 0x7f)"),
        ("check:drop:2", "n < 12 -> 0 && (n < 12)"),
        ("check:negate:1", "p[i] > 0x7f -> !(p[i] > 0x7f)"),
        ("check:negate:2", "n < 12 -> !(n < 12)"),
        ("check:compare:1", "> -> >="),
        ("check:compare:2", "< -> <="),
        ("check:more:1", "0x7f -> (0x7f + 1)"),
        ("check:less:1", "0x7f -> (0x7f - 1)"),
        ("check:more:2", "12 -> (12 + 1)"),
        ("check:less:2", "12 -> (12 - 1)"),
        ("check:hash:1", "n -> ( n) - !!( n)"),
        ("other:drop:1", "check_it(n, err) -> (check_it(n, err)) && 0"),
        ("other:compare:1", "<= -> <"),
        ("other:more:1", "3 -> (3 + 1)"),
        ("other:less:1", "3 -> (3 - 1)"),
    ]


def test_one_place(make):
    """A mutant is the source with one place changed."""
    for m in make():
        old, new = SOURCE.splitlines(), m.source.splitlines()
        assert [i for i, (a, b) in enumerate(zip(old, new), 1) if a != b] == [m.line]


def test_wanted(make):
    assert {m.name.split(":")[1] for m in make("other")} == {"other"}
    with pytest.raises(SystemExit, match="no function gone"):
        make("gone")


def row(m, result):
    return {"name": m.name, "area": m.area, "line": m.line, "text": m.text, "result": result,
            "killer": "A", "key": mutants.key(m)}


@pytest.mark.parametrize("killed, survived, equivalent, good", [
    (15, 0, 0, True), (14, 1, 0, False), (14, 0, 1, True), (12, 0, 3, False), (0, 0, 0, False),
])
def test_score(make, killed, survived, equivalent, good):
    every = make()
    words = ["killed"] * killed + ["survived"] * (survived + equivalent)
    rows = [row(m, w) for m, w in zip(every, words)]
    rows += [row(m, "build failed") for m in every[len(rows):]]
    same = {r["name"] for r in rows[killed + survived:] if r["result"] == "survived"}
    assert mutants.score(rows, same, 95) is good


def test_equivalent_is_killed(make, capsys):
    """One that is listed and dies is no equivalent: the list is wrong."""
    rows = [row(m, "killed") for m in make()]
    assert not mutants.score(rows, {rows[0]["name"]}, 95)
    assert "is listed as equivalent" in capsys.readouterr().out


@pytest.mark.parametrize("line, message", [
    ("x.c:check:drop:1", "want the name"), ("x.c:check:drop:9  # why", "want the name"),
    ("x.c:check:drop:1  # why", None),
])
def test_equivalents(make, tmp_path, line, message):
    (tmp_path / "equivalent.list").write_text("# NAME # why\n" + line + "\n")
    if message is None:
        assert mutants.equivalents(make(), True) == {"x.c:check:drop:1"}
        return
    with pytest.raises(SystemExit, match=message):
        mutants.equivalents(make(), True)


def test_go_on(make, tmp_path):
    """Results count again until the source is another one."""
    every = make()
    path = tmp_path / "results"
    path.write_text("".join(mutants.json.dumps(row(m, "killed")) + "\n" for m in every))
    assert set(mutants.load(path, every)) == {m.name for m in every}
    (tmp_path / "x.c").write_text(SOURCE.replace("return n <= 3", "return n <= 7"))
    assert not mutants.load(path, make("check"))
    assert mutants.load(tmp_path / "none", every) == {}
