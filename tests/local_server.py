"""A server on 127.0.0.1, as long as a `with` block lasts."""

import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any, Self

COMMIT = "0123456789abcdef0123456789abcdef01234567"
"""What the servers call their only commit."""


class LocalServer:
    """Serves by a handler, which knows it as `server_of`.

    Attributes:
        endpoint: its address.
    """

    def __init__(self, handler: type["QuietHandler"]) -> None:
        own = type("Handler", (handler,), {"server_of": self})
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), own)
        self.endpoint = f"http://127.0.0.1:{self._server.server_port}"

    def __enter__(self) -> Self:
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._server.shutdown()
        self._server.server_close()


class QuietHandler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server_of: Any

    def log_message(self, format: str, *args: object) -> None:
        """Keep standard error quiet."""
