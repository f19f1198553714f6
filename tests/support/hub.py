"""A stand-in for the Hugging Face hub:
the few answers that its client asks for, over HTTP, from files in memory."""

import hashlib
import json
import re
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import urlsplit


@dataclass
class Repository:
    files: Mapping[str, bytes]
    commit: str
    gated: bool = False


@dataclass
class Hub:
    repositories: dict[str, Repository]
    token: str
    port: int = 0
    served: list[str] = field(default_factory=list)
    """Paths of files that were sent, in order."""

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"


@contextmanager
def serving(hub: Hub) -> Iterator[Hub]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), type("Handler", (_Handler,), {"hub": hub}))
    hub.port = server.server_port
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
    try:
        yield hub
    finally:
        server.shutdown()
        server.server_close()


class _Handler(BaseHTTPRequestHandler):
    hub: Hub
    protocol_version = "HTTP/1.1"

    def log_message(self, *_: object) -> None:
        pass

    def do_HEAD(self) -> None:
        self.do_GET()

    def do_GET(self) -> None:
        path = urlsplit(self.path).path
        if match := re.fullmatch(r"/api/models/([^/]+/[^/]+)(/.*)?", path):
            return self._api(match[1], match[2] or "")
        if match := re.fullmatch(r"/([^/]+/[^/]+)/resolve/([^/]+)/(.+)", path):
            return self._file(match[1], match[3])
        return self._send(404, b"{}")

    def _api(self, name: str, rest: str) -> None:
        repository = self.hub.repositories.get(name)
        if repository is None:
            return self._send(404, b"{}", {"X-Error-Code": "RepoNotFound"})
        if rest == "/auth-check":
            return self._refuse() if self._closed(repository) else self._send(200, b"{}")
        if rest.startswith("/tree/"):
            tree = [
                {"type": "file", "path": p, "size": len(d), "oid": _etag(d)}
                for p, d in repository.files.items()
            ]
            return self._send(200, json.dumps(tree).encode())
        siblings = [{"rfilename": p, "size": len(d), "blobId": _etag(d)} for p, d in repository.files.items()]
        info = {
            "id": name,
            "modelId": name,
            "sha": repository.commit,
            "siblings": siblings,
            "private": False,
            "tags": [],
            "downloads": 0,
        }
        return self._send(200, json.dumps(info).encode())

    def _file(self, name: str, path: str) -> None:
        repository = self.hub.repositories[name]
        if self._closed(repository):
            return self._refuse()
        content = repository.files[path]
        headers = {
            "ETag": f'"{_etag(content)}"',
            "X-Repo-Commit": repository.commit,
            "Accept-Ranges": "bytes",
        }
        if self.command == "GET":
            self.hub.served.append(path)
        return self._send(200, content, headers)

    def _closed(self, repository: Repository) -> bool:
        return repository.gated and self.headers.get("Authorization") != f"Bearer {self.hub.token}"

    def _refuse(self) -> None:
        self._send(403 if self.headers.get("Authorization") else 401, b"{}", {"X-Error-Code": "GatedRepo"})

    def _send(self, status: int, body: bytes, headers: Mapping[str, str] | None = None) -> None:
        self.send_response(status)
        for key, value in {
            "Content-Type": "application/json",
            "Content-Length": str(len(body)),
            **(headers or {}),
        }.items():
            self.send_header(key, value)
        self.end_headers()
        if self.command == "GET":
            self.wfile.write(body)


def _etag(content: bytes) -> str:
    return hashlib.sha1(content).hexdigest()  # noqa: S324 -- git's object names are SHA-1; nothing is protected by it
