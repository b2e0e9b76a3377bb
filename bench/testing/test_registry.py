# SPDX-License-Identifier: MIT
"""The embedded registry, spoken to as clients do: by hand, by curl, by skopeo."""
import base64
import http.client
import json
import pathlib
import random
import shutil
import subprocess
import sys
import time

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).parent))
from servers import DockerRegistry  # noqa: E402
from embedded import MANIFEST, Registry, digest, write_layout  # noqa: E402

BLOB = random.Random(1).randbytes(300_000)


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    path = tmp_path_factory.mktemp("root")
    (path / "image").mkdir()
    write_layout(path / "image", [BLOB])
    return path


def ask(r, method, path, headers=None, body=None, port=None):
    """(status, headers, body) of one request on a connection of its own."""
    c = http.client.HTTPConnection("127.0.0.1", port or r.port, timeout=30)
    c.request(method, path, body=body, headers=headers or {})
    answer = c.getresponse()
    data = answer.read()
    c.close()
    return answer.status, answer.headers, data


def blob_path(data=BLOB):
    return f"/v2/image/blobs/{digest(data)}"


def code_of(body):
    return json.loads(body)["errors"][0]["code"]


@pytest.fixture(scope="module")
def plain(root, tmp_path_factory):
    with Registry(root, log=tmp_path_factory.mktemp("log") / "log") as r:
        yield r


def test_base_and_unknown(plain):
    assert ask(plain, "GET", "/v2/")[0] == 200
    assert ask(plain, "GET", "/")[0] == 404
    assert ask(plain, "POST", "/v2/")[0] == 405
    status, _, body = ask(plain, "GET", "/v2/none/manifests/latest")
    assert (status, code_of(body)) == (404, "NAME_UNKNOWN")
    status, _, body = ask(plain, "GET", "/v2/image/manifests/none")
    assert (status, code_of(body)) == (404, "MANIFEST_UNKNOWN")
    status, _, body = ask(plain, "GET", f"/v2/image/blobs/{digest(b'none')}")
    assert (status, code_of(body)) == (404, "BLOB_UNKNOWN")
    status, _, body = ask(plain, "GET", "/v2/image/blobs/sha256:12")
    assert (status, code_of(body)) == (400, "DIGEST_INVALID")


def test_manifest_by_tag_and_digest(plain, root):
    status, headers, body = ask(plain, "GET", "/v2/image/manifests/latest")
    assert status == 200 and headers["Content-Type"] == MANIFEST
    assert headers["Docker-Content-Digest"] == digest(body)
    assert ask(plain, "GET", f"/v2/image/manifests/{digest(body)}")[2] == body
    status, headers, nothing = ask(plain, "HEAD", "/v2/image/manifests/latest")
    assert (status, int(headers["Content-Length"]), nothing) == (200, len(body), b"")
    status, _, error = ask(plain, "GET", f"/v2/image/manifests/{digest(BLOB)}")
    assert (status, code_of(error)) == (404, "MANIFEST_UNKNOWN")


def test_tags_and_referrers(plain):
    assert json.loads(ask(plain, "GET", "/v2/image/tags/list")[2]) == {
        "name": "image", "tags": ["latest"]}
    status, _, body = ask(plain, "GET", f"/v2/image/referrers/{digest(BLOB)}")
    assert status == 200 and json.loads(body)["manifests"] == []


def put_manifest(r, reference, document, **headers):
    text = json.dumps(document).encode()
    status, got, _ = ask(r, "PUT", f"/v2/i/manifests/{reference or digest(text)}",
                         {"Content-Type": document["mediaType"], **headers}, text)
    return status, got, digest(text)


def referring(tmp_path, r, **more):
    """A manifest with a subject, its blobs pushed."""
    manifest = json.loads(write_layout(tmp_path, [BLOB]))
    for d in [manifest["config"], *manifest["layers"]]:
        push_blob(r, "i", (tmp_path / "blobs/sha256" / d["digest"][7:]).read_bytes())
    return {**manifest, "artifactType": "x/y", "annotations": {"a": "b"}, **more,
            "subject": {"mediaType": MANIFEST, "digest": digest(b"of"), "size": 2}}


def test_referrers(tmp_path):
    with Registry(tmp_path / "root") as r:
        status, headers, first = put_manifest(r, None, referring(tmp_path, r))
        assert (status, headers["OCI-Subject"]) == (201, digest(b"of"))
        second = put_manifest(r, "tag", referring(tmp_path, r, artifactType="x/z"))[2]
        status, headers, body = ask(r, "GET", f"/v2/i/referrers/{digest(b'of')}")
        assert (status, headers["Content-Type"]) == (200, "application/vnd.oci.image.index.v1+json")
        found = {d["digest"]: d for d in json.loads(body)["manifests"]}
        assert set(found) == {first, second}
        assert (found[first]["artifactType"], found[first]["annotations"]) == ("x/y", {"a": "b"})
        status, headers, body = ask(r, "GET", f"/v2/i/referrers/{digest(b'of')}?artifactType=x/z")
        assert [d["digest"] for d in json.loads(body)["manifests"]] == [second]
        assert headers["OCI-Filters-Applied"] == "artifactType"
        assert json.loads(ask(r, "GET", f"/v2/i/referrers/{first}")[2])["manifests"] == []
        assert json.loads(ask(r, "GET", "/v2/i/tags/list")[2])["tags"] == ["tag"]


def test_no_referrers(tmp_path):
    with Registry(tmp_path / "root", knobs=["no-referrers"]) as r:
        status, headers, _ = put_manifest(r, None, referring(tmp_path, r))
        assert status == 201 and "OCI-Subject" not in headers
        assert ask(r, "GET", f"/v2/i/referrers/{digest(b'of')}")[0] == 404


def test_conditions(tmp_path):
    index = {"schemaVersion": 2, "mediaType": "application/vnd.oci.image.index.v1+json",
             "manifests": []}
    with Registry(tmp_path / "root") as r:
        assert put_manifest(r, "t", index, **{"If-Match": '"x"'})[0] == 412
        status, _, old = put_manifest(r, "t", index, **{"If-None-Match": "*"})
        assert status == 201
        assert put_manifest(r, "t", index, **{"If-None-Match": "*"})[0] == 412
        index["annotations"] = {"n": "2"}
        assert put_manifest(r, "t", index, **{"If-Match": f'"{old}"'})[0] == 201
        assert put_manifest(r, "t", index, **{"If-Match": f'"{old}"'})[0] == 412
        assert ask(r, "HEAD", "/v2/i/manifests/t")[1]["ETag"] != f'"{old}"'


@pytest.mark.parametrize("text,first,last", [
    ("bytes=0-0", 0, 0), ("bytes=500-1499", 500, 1499), ("bytes=299999-", 299999, 299999),
    ("bytes=500-", 500, 299999), ("bytes=-500", 299500, 299999), ("bytes=-9999999", 0, 299999),
    ("bytes=299000-400000", 299000, 299999),
])
def test_one_range(plain, text, first, last):
    status, headers, body = ask(plain, "GET", blob_path(), {"Range": text})
    assert status == 206 and body == BLOB[first:last + 1]
    assert headers["Content-Range"] == f"bytes {first}-{last}/{len(BLOB)}"


@pytest.mark.parametrize("text", ["bytes=300000-", "bytes=400000-500000", "bytes=-0"])
def test_range_outside(plain, text):
    status, headers, body = ask(plain, "GET", blob_path(), {"Range": text})
    assert status == 416 and headers["Content-Range"] == f"bytes */{len(BLOB)}"
    assert int(headers["Content-Length"]) == len(body) and code_of(body) == "RANGE_INVALID"


@pytest.mark.parametrize("headers", [
    {}, {"Range": "bytes=5-4"}, {"Range": "lines=1-2"},
    {"Range": "bytes=0-9", "If-Range": '"other"'},
])
def test_whole_blob(plain, headers):
    status, got, body = ask(plain, "GET", blob_path(), headers)
    assert (status, body) == (200, BLOB) and got["Accept-Ranges"] == "bytes"


def test_if_range_that_holds(plain):
    tag = ask(plain, "HEAD", blob_path())[1]["ETag"]
    assert ask(plain, "GET", blob_path(), {"Range": "bytes=0-9", "If-Range": tag})[0] == 206


def parts_of(headers, body):
    boundary = headers["Content-Type"].split("boundary=")[1].encode()
    pieces = body.split(b"--" + boundary)
    assert pieces[-1] == b"--\r\n"
    for piece in pieces[1:-1]:
        head, data = piece.split(b"\r\n\r\n", 1)
        where = head.split(b"Content-Range: bytes ")[1].split(b"\r\n")[0]
        yield where.decode(), data[:-2]


def test_several_ranges(plain):
    status, headers, body = ask(plain, "GET", blob_path(), {"Range": "bytes=0-9,1000-1999,-3"})
    assert status == 206 and headers["Content-Type"].startswith("multipart/byteranges")
    assert list(parts_of(headers, body)) == [
        ("0-9/300000", BLOB[:10]), ("1000-1999/300000", BLOB[1000:2000]),
        ("299997-299999/300000", BLOB[-3:])]


def test_same_as_docker_registry(plain, root, tmp_path):
    """What a neutral implementation answers to the same questions."""
    if not shutil.which("docker-registry") or not shutil.which("skopeo"):
        pytest.skip("docker-registry and skopeo: apt-get install docker-registry skopeo")
    with DockerRegistry(tmp_path) as other:
        subprocess.run(["skopeo", "copy", "-q", "--preserve-digests", "--dest-tls-verify=false",
                        f"oci:{root}/image:latest", f"docker://{other.host}/image:latest"],
                       check=True)
        for text in [None, "bytes=0-0", "bytes=5-", "bytes=-7", "bytes=0-0,5-9", "bytes=1-999999"]:
            headers = {"Range": text} if text else {}
            ours, theirs = (ask(plain, "GET", blob_path(), headers, port=p)
                            for p in (plain.port, other.port))
            assert ours[0] == theirs[0], text
            assert ours[1]["Content-Range"] == theirs[1]["Content-Range"], text
            if text and "," in text:
                assert list(parts_of(*ours[1:])) == list(parts_of(*theirs[1:]))
            else:
                assert ours[2] == theirs[2], text


def push_blob(r, name, data):
    status, headers, _ = ask(r, "POST", f"/v2/{name}/blobs/uploads/?digest={digest(data)}",
                             body=data)
    assert status == 201, status


def test_push_monolithic_chunked_mounted(tmp_path):
    one, two = b"first" * 1000, b"second" * 1000
    with Registry(tmp_path) as r:
        push_blob(r, "a/b", one)
        # POST, PATCH, PATCH, PUT
        status, headers, _ = ask(r, "POST", "/v2/a/b/blobs/uploads/")
        assert status == 202
        where = headers["Location"]
        assert ask(r, "PATCH", where, {"Content-Range": "0-999"}, two[:1000])[0] == 202
        status, headers, _ = ask(r, "PATCH", where, {"Content-Range": "5-9"}, two[5:10])
        assert status == 416
        status, headers, _ = ask(r, "GET", where)
        assert status == 404  # what failed is gone


def test_push_in_chunks(tmp_path):
    data = b"second" * 1000
    with Registry(tmp_path) as r:
        where = ask(r, "POST", "/v2/a/b/blobs/uploads/")[1]["Location"]
        assert ask(r, "PATCH", where, {"Content-Range": "0-999"}, data[:1000])[0] == 202
        status, headers, _ = ask(r, "GET", where)
        assert (status, headers["Range"]) == (204, "0-999")
        assert ask(r, "PATCH", where, {}, data[1000:2000])[0] == 202
        status, headers, _ = ask(r, "PUT", f"{where}?digest={digest(data)}", {}, data[2000:])
        assert (status, headers["Docker-Content-Digest"]) == (201, digest(data))
        assert ask(r, "GET", headers["Location"])[2] == data
        # a blob of another repository
        mount = f"/v2/c/blobs/uploads/?mount={digest(data)}&from=a/b"
        assert ask(r, "POST", mount)[0] == 201
        assert ask(r, "GET", f"/v2/c/blobs/{digest(data)}")[2] == data
        assert ask(r, "POST", f"/v2/c/blobs/uploads/?mount={digest(b'no')}&from=a/b")[0] == 202
        # put whole, wrong digest, cancelled
        where = ask(r, "POST", "/v2/c/blobs/uploads/")[1]["Location"]
        status, _, body = ask(r, "PUT", f"{where}?digest={digest(b'x')}", {}, b"y")
        assert (status, code_of(body)) == (400, "DIGEST_INVALID")
        where = ask(r, "POST", "/v2/c/blobs/uploads/")[1]["Location"]
        assert ask(r, "DELETE", where)[0] == 204 and ask(r, "GET", where)[0] == 404


def test_push_manifest(tmp_path):
    with Registry(tmp_path / "root") as r:
        manifest = write_layout(tmp_path, [BLOB])
        config = (tmp_path / "blobs/sha256" /
                  json.loads(manifest)["config"]["digest"][7:]).read_bytes()
        put = ("PUT", "/v2/i/manifests/t", {"Content-Type": MANIFEST}, manifest)
        status, _, body = ask(r, *put)
        assert (status, code_of(body)) == (404, "MANIFEST_BLOB_UNKNOWN")
        push_blob(r, "i", BLOB)
        push_blob(r, "i", config)
        assert ask(r, *put)[0] == 201
        assert ask(r, "GET", "/v2/i/manifests/t")[2] == manifest
        by_digest = f"/v2/i/manifests/{digest(manifest)}"
        assert ask(r, "PUT", by_digest, {"Content-Type": MANIFEST}, manifest)[0] == 201
        wrong = f"/v2/i/manifests/{digest(b'x')}"
        status, _, body = ask(r, "PUT", wrong, {"Content-Type": MANIFEST}, manifest)
        assert (status, code_of(body)) == (400, "DIGEST_INVALID")
        status, _, body = ask(r, "PUT", "/v2/i/manifests/t", {"Content-Type": MANIFEST}, b"{}")
        assert (status, code_of(body)) == (400, "MANIFEST_INVALID")
        assert ask(r, "PUT", "/v2/i/manifests/t", {}, b"x" * (5 << 20))[0] == 413
        for tag in "ac":
            assert ask(r, "PUT", f"/v2/i/manifests/{tag}", {}, manifest)[0] == 201
        status, headers, body = ask(r, "GET", "/v2/i/tags/list?n=2")
        assert json.loads(body)["tags"] == ["a", "c"] and 'rel="next"' in headers["Link"]
        assert json.loads(ask(r, "GET", "/v2/i/tags/list?n=2&last=c")[2])["tags"] == ["t"]


def test_skopeo_there_and_back(root, tmp_path):
    if not shutil.which("skopeo"):
        pytest.skip("skopeo: apt-get install skopeo")
    with Registry(tmp_path / "root") as r:
        name = f"docker://{r.host}/some/image:tag"
        subprocess.run(["skopeo", "copy", "-q", "--preserve-digests", "--dest-tls-verify=false",
                        f"oci:{root}/image:latest", name], check=True)
        subprocess.run(["skopeo", "copy", "-q", "--preserve-digests", "--src-tls-verify=false", name,
                        f"oci:{tmp_path}/back:tag"], check=True)
    blob = tmp_path / "back/blobs/sha256" / digest(BLOB)[7:]
    assert blob.read_bytes() == BLOB


def test_layout_option(root):
    with Registry(layouts=[f"some/name={root}/image"]) as r:
        assert ask(r, "GET", "/v2/some/name/manifests/latest")[0] == 200
        assert ask(r, "GET", "/v2/image/manifests/latest")[0] == 404


def test_log(root, tmp_path):
    with Registry(root, log=tmp_path / "log") as r:
        before = time.clock_gettime_ns(time.CLOCK_MONOTONIC)
        ask(r, "GET", blob_path(), {"Range": "bytes=5-9"})
        ask(r, "HEAD", blob_path())
        after = time.clock_gettime_ns(time.CLOCK_MONOTONIC)
    get, head = r.log()
    assert (get["method"], get["kind"], get["name"]) == ("GET", "blob", "image")
    assert (get["status"], get["range"], get["body_bytes"]) == (206, "bytes=5-9", 5)
    assert get["path"] == blob_path() and get["complete"] is True
    assert before < get["begin_ns"] < get["end_ns"] < head["begin_ns"] < after
    assert 100 < get["sent_bytes"] - get["body_bytes"] < 600
    assert head["body_bytes"] == 0 and head["connection"] != get["connection"]


def token_of(r, headers):
    challenge = headers["WWW-Authenticate"]
    assert challenge.startswith("Bearer ") and 'scope="repository:image:pull"' in challenge
    realm = challenge.split('realm="')[1].split('"')[0]
    status, _, body = ask(r, "GET", realm.split(r.host)[1])
    assert status == 200
    return {"Authorization": "Bearer " + json.loads(body)["token"]}


def test_token(root):
    with Registry(root, knobs=["token=1", "token-uses=2"]) as r:
        status, headers, body = ask(r, "GET", "/v2/image/manifests/latest")
        assert (status, code_of(body)) == (401, "UNAUTHORIZED")
        good = token_of(r, headers)
        assert [ask(r, "GET", blob_path(), good)[0] for _ in range(3)] == [200, 200, 401]
        good = token_of(r, headers)
        time.sleep(1.1)
        assert ask(r, "GET", blob_path(), good)[0] == 401


def test_basic_alone_and_before_tokens(root):
    credentials = {"Authorization": "Basic " + base64.b64encode(b"me:secret").decode()}
    with Registry(root, knobs=["basic=me:secret"]) as r:
        status, headers, _ = ask(r, "GET", "/v2/")
        assert status == 401 and headers["WWW-Authenticate"].startswith("Basic ")
        assert ask(r, "GET", "/v2/", credentials)[0] == 200
    with Registry(root, knobs=["basic=me:secret", "token"]) as r:
        assert ask(r, "GET", "/token")[0] == 401
        assert ask(r, "GET", "/token", credentials)[0] == 200
        assert ask(r, "GET", "/v2/", credentials)[0] == 401


def follow(location, headers):
    host, path = location.split("//")[1].split("/", 1)
    c = http.client.HTTPConnection(host, timeout=30)
    c.request("GET", "/" + path, headers=headers)
    answer = c.getresponse()
    return answer.status, answer.read()


def test_redirect(root):
    with Registry(root, knobs=["redirect", "url-ttl=1"]) as r:
        status, headers, _ = ask(r, "GET", blob_path())
        there = headers["Location"]
        assert status == 307 and r.host not in there
        assert follow(there, {"Range": "bytes=0-4"}) == (206, BLOB[:5])
        assert follow(there, {"Authorization": "Bearer x"})[0] == 400
        assert follow(there + "0", {})[0] == 403
        assert follow(there.replace("/v2", "/"), {})[0] == 200
        time.sleep(1.1)
        assert follow(there, {})[0] == 403
        assert ask(r, "GET", there[there.index("/storage"):])[0] == 405
        assert ask(r, "GET", "/v2/image/manifests/latest")[0] == 200


def test_failures_on_purpose(root):
    with Registry(root, knobs=["fail-500=2", "fail-429=2:7"]) as r:
        answers = [ask(r, "GET", blob_path()) for _ in range(6)]
        assert [a[0] for a in answers] == [200, 500, 429, 500, 200, 500]
        assert answers[2][1]["Retry-After"] == "7"


def test_short_body_and_reset(root, tmp_path):
    with Registry(root, knobs=["short-body=2", "reset=3"], log=tmp_path / "log") as r:
        assert ask(r, "GET", blob_path())[2] == BLOB
        with pytest.raises(http.client.IncompleteRead) as why:
            ask(r, "GET", blob_path())
        assert why.value.partial == BLOB[:len(BLOB) // 2]
        with pytest.raises((ConnectionResetError, http.client.IncompleteRead)):
            ask(r, "GET", blob_path())
    lines = sorted(r.log(), key=lambda line: line["begin_ns"])
    assert [line["complete"] for line in lines] == [True, False, False]
    assert len(BLOB) // 2 <= lines[1]["body_bytes"] < len(BLOB) // 2 + 600


def test_stall_and_delay(root):
    with Registry(root, knobs=["stall=2:300", "delay=50"]) as r:
        times = []
        for _ in range(2):
            start = time.monotonic()
            assert ask(r, "GET", blob_path())[2] == BLOB
            times.append(time.monotonic() - start)
        assert 0.05 <= times[0] < 0.3 <= times[1]


def test_ranges_gone_wrong(root):
    ask_for = {"Range": "bytes=10-19"}
    with Registry(root, knobs=["whole"]) as r:
        assert ask(r, "GET", blob_path(), ask_for)[::2] == (200, BLOB)
    with Registry(root, knobs=["shifted-range"]) as r:
        status, headers, body = ask(r, "GET", blob_path(), ask_for)
        assert (status, body) == (206, BLOB[11:21])
        assert headers["Content-Range"] == "bytes 11-20/300000"
    many = {"Range": "bytes=0-1,5-6"}
    with Registry(root, knobs=["multirange=400"]) as r:
        assert ask(r, "GET", blob_path(), many)[0] == 400
        assert ask(r, "GET", blob_path(), ask_for)[0] == 206
    with Registry(root, knobs=["multirange=whole"]) as r:
        assert ask(r, "GET", blob_path(), many)[::2] == (200, BLOB)
    with Registry(root, knobs=["head=403"]) as r:
        assert ask(r, "HEAD", blob_path())[0] == 403
        assert ask(r, "HEAD", "/v2/image/manifests/latest")[0] == 200


def test_corrupt(root):
    with Registry(root, knobs=[f"corrupt={digest(BLOB)}:12"]) as r:
        body = ask(r, "GET", blob_path(), {"Range": "bytes=10-19"})[2]
        assert body == BLOB[10:12] + bytes([BLOB[12] ^ 1]) + BLOB[13:20]
        assert ask(r, "GET", blob_path(), {"Range": "bytes=13-19"})[2] == BLOB[13:20]


def test_wrong_once(root):
    """Every byte is wrong the first time that it is sent, and only then."""
    wrong = bytes(b ^ 1 for b in BLOB)
    with Registry(root, knobs=["wrong-once"]) as r:
        assert ask(r, "GET", blob_path(), {"Range": "bytes=10-99"})[2] == wrong[10:100]
        assert ask(r, "GET", blob_path(), {"Range": "bytes=50-199"})[2] == BLOB[50:100] + wrong[100:200]
        assert ask(r, "GET", blob_path())[2] == wrong[:10] + BLOB[10:200] + wrong[200:]
        assert ask(r, "GET", blob_path())[2] == BLOB


def test_tls(root, tmp_path):
    if not shutil.which("openssl") or not shutil.which("curl"):
        pytest.skip("openssl and curl: apt-get install openssl curl")
    key, cert = str(tmp_path / "key"), str(tmp_path / "cert")
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt",
                    "ec_paramgen_curve:P-256", "-nodes", "-keyout", key, "-out", cert, "-days",
                    "9", "-subj", "/CN=t", "-addext", "subjectAltName=IP:127.0.0.1"],
                   check=True, stderr=subprocess.DEVNULL)
    with Registry(root, options=["--tls-cert", cert, "--tls-key", key]) as r:
        assert r.url.startswith("https://")
        got = subprocess.run(["curl", "-sS", "--cacert", cert, "-r", "5-9", r.url + blob_path()],
                             check=True, stdout=subprocess.PIPE).stdout
        assert got == BLOB[5:10]


@pytest.mark.parametrize("options,status", [
    ([], 2), (["--root=/x", "--knob=none"], 2), (["--root=/x", "--port=70000"], 2),
    (["--root=/x", "--listen=here"], 2), (["--layout=x"], 2), (["--root=/x", "--tls-cert=/x"], 2),
])
def test_usage(options, status):
    from embedded import LAZYBENCH
    done = subprocess.run([LAZYBENCH, "registry", *options], capture_output=True, timeout=30)
    assert done.returncode == status and done.stderr.startswith(b"lazybench: ")
