"""A small server on 127.0.0.1 that speaks the part of the hub's protocol that uploading needs."""

import base64
import json

from local_server import COMMIT, LocalServer, QuietHandler


class UploadServer(LocalServer):
    """Takes what bearers of one token upload.

    Attributes:
        repositories: files by repository and path.
        made: what was asked for when a repository was made.
    """

    def __init__(self, token: str) -> None:
        self.token = token
        self.repositories: dict[str, dict[str, bytes]] = {}
        self.made: list[dict[str, str]] = []
        super().__init__(_Handler)


class _Handler(QuietHandler):
    server_of: UploadServer

    def do_POST(self) -> None:
        hub = self.server_of
        body = self.rfile.read(int(self.headers.get("content-length", 0)))
        if self.headers.get("authorization") != f"Bearer {hub.token}":
            return self._send(401, {"error": "Invalid credentials in Authorization header"})
        parts = self.path.partition("?")[0].strip("/").split("/")
        if parts == ["api", "validate-yaml"]:
            return self._send(200, {"errors": [], "warnings": []})
        if parts == ["api", "repos", "create"]:
            asked = json.loads(body)
            hub.made.append(asked)
            name = f"{asked['organization']}/{asked['name']}"
            if name in hub.repositories:
                return self._send(409, {"url": f"{hub.endpoint}/{name}"})
            hub.repositories[name] = {}
            return self._send(200, {"url": f"{hub.endpoint}/{name}", "name": name})
        files = hub.repositories["/".join(parts[2:4])]
        if parts[4] == "preupload":
            told = [
                {"path": file["path"], "uploadMode": "regular", "shouldIgnore": False}
                for file in json.loads(body)["files"]
            ]
            return self._send(200, {"files": told})
        assert parts[4] == "commit"
        for line in body.decode().splitlines():
            part = json.loads(line)
            if part["key"] == "file":
                files[part["value"]["path"]] = base64.b64decode(part["value"]["content"])
        url = f"{hub.endpoint}/{'/'.join(parts[2:4])}/commit/{COMMIT}"
        return self._send(200, {"commitUrl": url, "commitOid": COMMIT, "success": True})

    def do_GET(self) -> None:
        """What a repository holds, for a client that asks first."""
        parts = self.path.partition("?")[0].strip("/").split("/")
        files = self.server_of.repositories.get("/".join(parts[2:4]), {})
        siblings = [{"rfilename": name} for name in files]
        self._send(200, {"id": "/".join(parts[2:4]), "sha": COMMIT, "siblings": siblings})

    def _send(self, status: int, content: dict[str, object]) -> None:
        body = json.dumps(content).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
