#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""A lazypull that only pretends, for tests of lazybench: it fetches, says its phases, prints.

FAKE_FAULT="SYSTEM-PART:FAULT" plants a fault in runs whose --mount is SYSTEM-PART ("any": in all):
crash wrong-output hang silent fallback late-events leftover slow sometimes
"""
import http.server
import json
import os
import pathlib
import subprocess
import sys
import time
import urllib.request


def get(url, **headers):
    with urllib.request.urlopen(urllib.request.Request(url, headers=headers)) as answer:
        return answer.read()


def convert(args):
    source, target = (a for a in args if a.startswith("oci:"))
    _, directory, tag = source.split(":")
    path = pathlib.Path(directory) / "index.json"
    index = json.loads(path.read_text())
    entry = dict(index["manifests"][0], annotations={
        "org.opencontainers.image.ref.name": target.split(":")[2]})
    index["manifests"].append(entry)
    path.write_text(json.dumps(index))


def work(argv):
    """The task: a line, or a server."""
    if argv[0] != "serve":
        print("hello", flush=True)
        return

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            self.send_response(200)
            self.end_headers()
            self.wfile.write(b"page")

        def log_message(self, *_):
            pass

    http.server.HTTPServer(("127.0.0.1", int(argv[1])), Handler).serve_forever()


def fault_of(options):
    where, _, fault = os.environ.get("FAKE_FAULT", "").partition(":")
    if where not in ("any", options.get("mount")):
        return ""
    if fault == "sometimes":  # the fourth run of this system and those after it
        count = pathlib.Path(os.environ["FAKE_COUNT"])
        count.write_text(count.read_text() + "." if count.exists() else ".")
        return "crash" if len(count.read_text()) >= 4 else ""
    return fault


def run(args):
    options, operands = {}, list(args)
    while operands[0].startswith("-"):
        name, _, value = operands.pop(0).lstrip("-").partition("=")
        options[name] = value
    reference, *argv = operands
    fault, store = fault_of(options), pathlib.Path(options["store"])

    def say(event, ns=None):
        if fault != "silent":
            line = json.dumps({"event": event,
                               "ns": ns or time.clock_gettime_ns(time.CLOCK_MONOTONIC)})
            os.write(int(options["events"]), line.encode() + b"\n")

    say("request")
    if fault == "crash":
        print("it crashed", file=sys.stderr)
        sys.exit(7)
    name, tag = reference.rsplit(":", 1)
    host, name = name.split("/", 1)
    base = f"http://{host}/v2/{name}"
    if not (store / "pulled").exists():
        manifest = json.loads(get(f"{base}/manifests/{tag}"))
        for layer in manifest["layers"]:
            lazy = options["mount"] == "fuse" and fault != "fallback" and tag != "legacy"
            get(f"{base}/blobs/{layer['digest']}", **({"Range": "bytes=0-99"} if lazy else {}))
        (store / "pulled").write_text("")
    say("rootfs", 1 if fault == "late-events" else None)
    say("created")
    say("started")
    if fault == "slow":
        time.sleep(0.2)
    if fault == "hang":
        time.sleep(60)
    if fault == "leftover":
        subprocess.Popen(["sleep", "60"], stdout=subprocess.DEVNULL, start_new_session=True)
    if fault == "wrong-output":
        print("hello?")
        sys.exit(0)
    work(argv)


def main():
    command, *args = sys.argv[1:]
    if command == "convert":
        convert(args)
    elif command == "record":
        pathlib.Path(args[args.index("-o") + 1]).write_text("/hello\n")
        work(args[args.index("-o") + 3:])
    elif command == "run":
        run(args)


main()
