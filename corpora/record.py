# SPDX-License-Identifier: MIT
"""record - what was made, and whether it is what digests.txt and packages.txt expect."""
import os

HERE = os.path.dirname(os.path.abspath(__file__))
DIGESTS, PACKAGES = os.path.join(HERE, "digests.txt"), os.path.join(HERE, "packages.txt")


def save(path, text):
    with open(path + ".new", "w", encoding="utf-8") as f:
        f.write(text)
    os.rename(path + ".new", path)


def read(path):
    try:
        with open(path, encoding="utf-8") as f:
            return f.read()
    except FileNotFoundError:
        return ""


def lines_of(path):
    return read(path).splitlines()


def other_versions(packages):
    """Those of PACKAGES (lines of a .packages file) whose version is not the expected one."""
    expected = {line.split(" ")[0]: line.split(" ")[1] for line in lines_of(PACKAGES)}
    out = []
    for line in packages:
        name, version, _ = line.split(" ")
        if version != expected.get(name):
            out.append(f"{name} {version} (was {expected.get(name, 'not there')})")
    return out


def compare(name, record, packages):
    """Say whether RECORD is what is expected of NAME; false: it should be, but is not."""
    known = [r for r in lines_of(DIGESTS) if r.startswith(name + " ")]
    others = other_versions(packages)
    if not known:
        print(f"  {name}: not in corpora/digests.txt")
    elif known == record:
        print(f"  {name}: the digests that corpora/digests.txt expects")
    elif others:
        print(f"  {name}: other digests than in corpora/digests.txt, from other packages:")
        print("".join(f"    {o}\n" for o in others[:8]), end="")
        print(f"    and {len(others) - 8} more\n" if len(others) > 8 else "", end="")
    else:
        print(f"  {name}: the packages that corpora/packages.txt expects, but other digests")
        return False
    return True


def keep(records, packages):
    """Expect RECORDS ({name: lines}) and PACKAGES (lines) from now on."""
    digests = [r for r in lines_of(DIGESTS) if r.split(" ")[0] not in records]
    digests += [r for record in records.values() for r in record]
    new = {p.split(" ")[0] for p in packages}
    merged = {p for p in lines_of(PACKAGES) if p.split(" ")[0] not in new} | set(packages)
    save(DIGESTS, "".join(r + "\n" for r in sorted(digests, key=lambda r: r.split(" ")[0])))
    save(PACKAGES, "".join(p + "\n" for p in sorted(merged)))
