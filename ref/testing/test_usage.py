# SPDX-License-Identifier: MIT
"""What the three programs say of themselves."""
import re
import subprocess

import pytest

from conftest import BUILD

PROGRAMS = ["lazypull", "lazybench", "lazyconf"]


def say(*argv):
    return subprocess.run([str(a) for a in argv], capture_output=True, text=True, timeout=60)


def commands(program):
    return re.findall(r"^  (\w+) +\S", say(BUILD / program, "--help").stdout, re.M)


@pytest.mark.parametrize("program", PROGRAMS)
def test_version(program):
    done = say(BUILD / program, "--version")
    assert done.returncode == 0 and re.fullmatch(program + r" \d+\.\d+\.\d+\n", done.stdout)


@pytest.mark.parametrize("program", PROGRAMS)
def test_unknown_command(program):
    done = say(BUILD / program, "nonsense")
    assert done.returncode == 2 and "nonsense" in done.stderr and not done.stdout


@pytest.mark.parametrize("program", PROGRAMS)
def test_each_command_has_help(program):
    assert len(commands(program)) >= 4
    for command in commands(program):
        done = say(BUILD / program, command, "--help")
        assert done.returncode == 0 and done.stdout.startswith(f"usage: {program} {command}"), command
        done = say(BUILD / program, command, "--no-such-option")
        status = {"run": {2, 125}, "record": {125}, "adapter": {3}}.get(command, {2})
        assert done.returncode in status, command
        assert "no-such-option" in done.stderr or command == "adapter", command
