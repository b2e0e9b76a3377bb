# SPDX-License-Identifier: MIT
"""debian - packages by name: their closure, their files.  What the host has installed plays no part."""
import hashlib
import os
import re
import subprocess

NO_STATUS = ["-o", "Dir::State::status=/dev/null"]  # as on a machine with nothing installed


class DebianError(Exception):
    pass


class Package:
    def __init__(self, fields):
        self.name, self.version = fields["Package"], fields["Version"]
        self.sha256, self.arch = fields["SHA256"], fields["Architecture"]
        self.provides = names(fields.get("Provides", ""))
        self.depends = [[n for n in names(group.replace("|", ","))]
                        for key in ("Pre-Depends", "Depends")
                        for group in fields.get(key, "").split(",") if group.strip()]

    def file(self, folder):
        return os.path.join(folder, f"{self.name}_{self.version.replace(':', '%3a')}"
                                    f"_{self.arch}.deb")


def names(text):
    """Package names without versions, architectures and restrictions."""
    return [re.split(r"[\s(\[:<]", part.strip())[0] for part in text.split(",") if part.strip()]


def show(wanted):
    """The candidates of those of WANTED that are real packages: {name: Package}."""
    out = subprocess.run(["apt-cache", *NO_STATUS, "show", "--no-all-versions", *sorted(wanted)],
                         stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, check=False).stdout
    found = {}
    for stanza in out.decode().split("\n\n"):
        fields = dict(line.split(": ", 1) for line in stanza.split("\n")
                      if ": " in line and not line.startswith(" "))
        if "Package" in fields and "SHA256" in fields:
            found.setdefault(fields["Package"], Package(fields))
    return found


def closure(roots, have):
    """ROOTS and all that they depend on, without HAVE; sorted by name.

    Of alternatives, one that is chosen already counts, else the first that is a real package.
    A virtual package must be provided by something chosen: the recipe names the provider.
    """
    known, chosen, asked = {}, {}, set()
    queue, virtual = list(roots), []
    while queue:
        new = [n for n in queue if n not in asked]
        if new:
            known.update(show(new))
            asked.update(new)
        missing = [n for n in queue if n not in known]
        if missing:
            raise DebianError("no such package: " + " ".join(missing) + " (apt-get update?)")
        chosen.update((n, known[n]) for n in queue)
        groups = [g for n in queue for g in known[n].depends]
        unasked = {n for g in groups for n in g} - asked
        if unasked:
            known.update(show(unasked))
            asked |= unasked
        queue = []
        for group in groups:
            if any(n in chosen or n in have or n in queue for n in group):
                continue
            real = [n for n in group if n in known]
            if real:
                queue.append(real[0])
            else:
                virtual.append(group)
    provided = {p for package in list(chosen.values()) + list(have.values())
                for p in package.provides}
    for group in virtual:
        if not provided.intersection(group):
            raise DebianError(f"nothing chosen provides {' | '.join(group)}: name a provider")
    return [chosen[n] for n in sorted(chosen) if n not in have]


def sha256_of(path):
    digest = hashlib.sha256()
    with open(path, "rb") as f:
        while block := f.read(1 << 20):
            digest.update(block)
    return digest.hexdigest()


def download(packages, folder):
    """Bring the .deb files of PACKAGES into FOLDER, each with the digest that apt's lists say."""
    os.makedirs(folder, exist_ok=True)

    def absent():
        return [p for p in packages
                if not os.path.exists(p.file(folder)) or sha256_of(p.file(folder)) != p.sha256]

    if want := absent():
        subprocess.run(["apt-get", "-qq", *NO_STATUS, "-o", "APT::Sandbox::User=root", "download",
                        *(f"{p.name}:{p.arch}={p.version}" if p.arch != "all"
                          else f"{p.name}={p.version}" for p in want)],
                       cwd=folder, check=True, stdout=subprocess.DEVNULL)
    if bad := absent():
        raise DebianError("not downloaded: " + " ".join(p.name for p in bad))


def unpack(path):
    """The tar of a .deb's files, as bytes; maintainer scripts are not run."""
    return subprocess.run(["dpkg-deb", "--fsys-tarfile", path], stdout=subprocess.PIPE,
                          check=True).stdout
