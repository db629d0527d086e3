"""A small server on 127.0.0.1 that speaks the part of the hub's protocol that loading needs."""

import hashlib
import json
from pathlib import Path
from urllib.parse import parse_qs, unquote, urlsplit

from local_server import COMMIT, LocalServer, QuietHandler


class HubServer(LocalServer):
    """Serves the repositories below `root`: datasets/ORG/NAME/... and models/ORG/NAME/...

    Attributes:
        log: every request, as "METHOD PATH".
        fail: path fragment -> what goes wrong there: an HTTP status, or "truncate".
    """

    def __init__(self, root: Path) -> None:
        self.root = root
        self.log: list[str] = []
        self.fail: dict[str, int | str] = {}
        super().__init__(_Handler)


class _Handler(QuietHandler):
    server_of: HubServer

    def do_HEAD(self) -> None:
        self.do_GET()

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("content-length", 0)))
        self._answer(body)

    def do_GET(self) -> None:
        self._answer(b"")

    def _answer(self, body: bytes) -> None:
        hub = self.server_of
        hub.log.append(f"{self.command} {self.path}")
        url = urlsplit(self.path)
        for fragment, failure in hub.fail.items():
            if fragment in self.path and isinstance(failure, int):
                return self._send(failure, b'{"error": "asked to fail"}')
        parts = unquote(url.path).strip("/").split("/")
        if parts[0] == "api" and parts[1] in ("datasets", "models") and len(parts) >= 4:
            return self._api(parts[1], "/".join(parts[2:4]), parts[4:], body, url.query)
        kind = parts.pop(0) if parts[0] == "datasets" else "models"
        if len(parts) > 4 and parts[2] == "resolve":
            return self._file(kind, "/".join(parts[:2]), "/".join(parts[4:]))
        return self._send(404, b'{"error": "no such page"}')

    def _files(self, kind: str, name: str) -> list[Path] | None:
        folder = self.server_of.root / kind / name
        if not folder.is_dir():
            return None
        return sorted(path for path in folder.rglob("*") if path.is_file())

    def _api(self, kind: str, name: str, rest: list[str], body: bytes, query: str) -> None:
        files = self._files(kind, name)
        if files is None:
            return self._send(404, b"{}", {"X-Error-Code": "RepoNotFound"})
        folder = self.server_of.root / kind / name
        entries = [
            {
                "type": "file",
                "path": path.relative_to(folder).as_posix(),
                "size": path.stat().st_size,
                "oid": hashlib.sha1(path.read_bytes()).hexdigest(),
            }
            for path in files
        ]
        folders = sorted({parent for path in files for parent in path.relative_to(folder).parents})
        entries += [
            {"type": "directory", "path": parent.as_posix(), "size": 0, "oid": COMMIT}
            for parent in folders
            if parent.as_posix() != "."
        ]
        if rest[:1] == ["tree"]:
            below = "/".join(rest[2:])
            deep = parse_qs(query).get("recursive", ["False"])[0].lower() in ("true", "1")
            listed = [
                entry
                for entry in entries
                if (deep and (not below or str(entry["path"]).startswith(below + "/")))
                or Path(str(entry["path"])).parent.as_posix() == (below or ".")
            ]
            if below and not any(str(entry["path"]).startswith(below) for entry in entries):
                return self._send(404, b"{}", {"X-Error-Code": "EntryNotFound"})
            return self._send(200, json.dumps(listed).encode())
        if rest[:1] == ["paths-info"]:
            asked = set(parse_qs(body.decode()).get("paths", [])) or set(
                json.loads(body or b"{}").get("paths", [])
            )
            found = [entry for entry in entries if entry["path"] in asked]
            return self._send(200, json.dumps(found).encode())
        siblings = [{"rfilename": e["path"]} for e in entries if e["type"] == "file"]
        info = {"id": name, "sha": COMMIT, "siblings": siblings, "private": False, "tags": []}
        return self._send(200, json.dumps(info).encode())

    def _file(self, kind: str, name: str, file: str) -> None:
        path = self.server_of.root / kind / name / file
        if self._files(kind, name) is None:
            return self._send(404, b"", {"X-Error-Code": "RepoNotFound"})
        if not path.is_file():
            return self._send(404, b"", {"X-Error-Code": "EntryNotFound", "X-Repo-Commit": COMMIT})
        content = path.read_bytes()
        headers = {
            "ETag": f'"{hashlib.sha256(content).hexdigest()}"',
            "X-Repo-Commit": COMMIT,
            "Accept-Ranges": "bytes",
        }
        status, begin = 200, 0
        asked = self.headers.get("range", "")
        if asked.startswith("bytes=") and self.command == "GET":
            first, _, last = asked[6:].partition("-")
            begin = int(first or 0)
            end = int(last) if last else len(content) - 1
            headers["Content-Range"] = f"bytes {begin}-{end}/{len(content)}"
            content, status = content[begin : end + 1], 206
        truncated = any(
            fragment in self.path and failure == "truncate"
            for fragment, failure in self.server_of.fail.items()
        )
        return self._send(status, content, headers, truncate=truncated)

    def _send(
        self,
        status: int,
        body: bytes,
        headers: dict[str, str] | None = None,
        *,
        truncate: bool = False,
    ) -> None:
        self.send_response(status)
        for key, value in (headers or {}).items():
            self.send_header(key, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body[: len(body) // 2] if truncate else body)
        if truncate:
            self.close_connection = True
