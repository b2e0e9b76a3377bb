# SPDX-License-Identifier: MIT
"""Servers of Debian's, for with statements: somebody else's registry, and a front of TLS.

    with DockerRegistry(tmp_path) as r:
        subprocess.run([..., f"docker://{r.host}/name:tag"])
    with Registry(root, knobs=["redirect"]) as r, Nginx(tmp_path, r) as front:
        subprocess.run([..., f"--ca-file={front.ca}", f"{front.host}/name:tag"])
"""
import os
import pathlib
import re
import socket
import subprocess

DOCKER_REGISTRY = """
version: 0.1
log: {level: info}
storage: {filesystem: {rootdirectory: %s}}
http: {addr: 127.0.0.1:0}
"""

NGINX = """
daemon off;
user root;
worker_processes 1;
pid {dir}/pid;
error_log {dir}/error.log;
events {{}}
http {{
	log_format line '$server_addr $server_protocol $status $request_method';
	access_log {dir}/access.log line;
	client_body_temp_path {dir}/body;
	proxy_temp_path {dir}/proxy;
	fastcgi_temp_path {dir}/fastcgi;
	uwsgi_temp_path {dir}/uwsgi;
	scgi_temp_path {dir}/scgi;
	client_max_body_size 0;
	ssl_certificate {dir}/server.pem;
	ssl_certificate_key {dir}/server.key;
{servers}
}}
"""

# The registry behind must see the same Host, for the URLs of its uploads.
SERVER = """
	server {{
		listen {address} ssl {more};
		location / {{
			proxy_pass {to};
			proxy_set_header Host $http_host;
			proxy_redirect http:// https://;
		}}
	}}
"""


class DockerRegistry:
    """Debian's docker-registry on a port of its own choice."""

    def __init__(self, directory):
        self.dir = pathlib.Path(directory)

    def __enter__(self):
        (self.dir / "registry.yml").write_text(DOCKER_REGISTRY % (self.dir / "registry"))
        self.process = subprocess.Popen(
            ["docker-registry", "serve", self.dir / "registry.yml"], text=True,
            stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
        for line in self.process.stderr:
            found = re.search(r"listening on (127\.0\.0\.1:(\d+))", line)
            if found:
                break
        assert found, "docker-registry ended"
        self.host, self.port = found[1], int(found[2])
        # what it logs from now on must not fill the pipe
        self.drain = subprocess.Popen(["cat"], stdin=self.process.stderr,
                                      stdout=subprocess.DEVNULL)
        return self

    def __exit__(self, *why):
        self.process.terminate()
        self.process.wait(timeout=30)
        self.drain.wait(timeout=30)
        self.process.stderr.close()


def certificate(directory):
    """Make ca.pem, server.pem and server.key, for 127.0.0.1, 127.0.0.2 and localhost."""
    def openssl(*words):
        subprocess.run(["openssl", *words], cwd=directory, check=True, capture_output=True)
    new = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]
    openssl("req", "-x509", *new, "-keyout", "ca.key", "-out", "ca.pem", "-subj", "/CN=test CA")
    openssl("req", *new, "-keyout", "server.key", "-out", "server.csr", "-subj", "/CN=localhost")
    (directory / "names").write_text("subjectAltName=DNS:localhost,IP:127.0.0.1,IP:127.0.0.2\n")
    openssl("x509", "-req", "-in", "server.csr", "-CA", "ca.pem", "-CAkey", "ca.key",
            "-CAcreateserial", "-extfile", "names", "-out", "server.pem")


class Nginx:
    """Debian's nginx with TLS before an embedded registry, and before where it redirects.

    The sockets are made here and inherited, so that no port is guessed; they exist before the
    registry does, which must know what to call them: Nginx(dir) first, then front.serve(registry).
    """

    def __init__(self, directory, http2=True):
        self.dir, self.http2 = pathlib.Path(directory), http2
        self.ca = self.dir / "ca.pem"
        certificate(self.dir)
        self.sockets = [socket.create_server((address, 0))
                        for address in ("127.0.0.1", "127.0.0.2")]
        port, storage = (s.getsockname()[1] for s in self.sockets)
        self.host = f"localhost:{port}"
        self.storage_url = f"https://127.0.0.2:{storage}"

    def serve(self, registry):
        """Start, before this registry; for a with statement."""
        ends = [registry.url, registry.storage or registry.url]
        servers = "".join(
            SERVER.format(address="%s:%d" % s.getsockname(), to=to,
                          more="http2" if self.http2 else "")
            for s, to in zip(self.sockets, ends))
        (self.dir / "nginx.conf").write_text(NGINX.format(dir=self.dir, servers=servers))
        fds = [s.fileno() for s in self.sockets]
        self.process = subprocess.Popen(
            ["/usr/sbin/nginx", "-p", self.dir, "-c", self.dir / "nginx.conf"], pass_fds=fds,
            env={**os.environ, "NGINX": "".join(f"{fd};" for fd in fds)},
            stderr=subprocess.PIPE, text=True)
        for s in self.sockets:
            s.close()
        return self

    def __enter__(self):
        return self

    def __exit__(self, *why):
        self.process.terminate()
        words = self.process.communicate(timeout=30)[1]
        assert self.process.returncode == 0 or why[0], words

    def log(self):
        """[(address, protocol, status, method)] of the requests so far."""
        return [tuple(line.split()) for line in (self.dir / "access.log").read_text().splitlines()]
