"""What a page is served from: a server of this machine alone, for files of a few folders."""

from __future__ import annotations

import http.server
import secrets
import threading
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

_HEADERS = {
    # Threads need memory that workers share, which only a page has that is apart from all others.
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Embedder-Policy": "require-corp",
    "Cross-Origin-Resource-Policy": "same-origin",
    # Whatever a library would fetch from elsewhere is refused.
    "Content-Security-Policy": "default-src 'none'; script-src 'self' 'wasm-unsafe-eval'; worker-src 'self'; "
    "connect-src 'self'; img-src data:",
    "Cache-Control": "no-store",
}


class Site:
    """Serves the files of folders on a port of 127.0.0.1, of the system's choice, until it is closed.

    Args:
        folders: by the path that they have on the site, such as `model/`; the empty one is the site's own.

    Attributes:
        address: of the site. It holds a secret, so that other users of the machine get nothing.
    """

    def __init__(self, folders: Mapping[str, Path]) -> None:
        secret = f"/{secrets.token_urlsafe()}/"
        # Folders of a path come before the site's own, which would have it too.
        places = sorted(((secret + path, str(folder)) for path, folder in folders.items()), reverse=True)

        class Handler(_Files):
            """Serves these."""

            def __init__(self, *args: Any) -> None:
                super().__init__(*args, places=places)

        self._server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.address = f"http://127.0.0.1:{self._server.server_port}{secret}"
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)
        self._thread.start()

    def close(self) -> None:
        """End the server."""
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


class _Files(http.server.SimpleHTTPRequestHandler):
    """Serves files of folders, and lists none."""

    # Scripts of another type are not run, and the system's own table may have anything for them.
    extensions_map = {  # noqa: RUF012 - it is the base class's
        "": "application/octet-stream",
        ".html": "text/html; charset=utf-8",
        ".js": "text/javascript",
        ".mjs": "text/javascript",
        ".json": "application/json",
        ".wasm": "application/wasm",
    }

    def __init__(self, *args: Any, places: list[tuple[str, str]]) -> None:
        self._places = places
        super().__init__(*args)

    def translate_path(self, path: str) -> str:
        """Return the file of a path; a name that no file has where the path is of no folder."""
        for prefix, folder in self._places:
            if path.startswith(prefix):
                self.directory = folder
                return super().translate_path("/" + path.removeprefix(prefix))
        return ""

    def list_directory(self, path: Any) -> None:
        """Refuse it."""
        self.send_error(404)

    def end_headers(self) -> None:
        """Add those of the site."""
        for name, value in _HEADERS.items():
            self.send_header(name, value)
        super().end_headers()

    def log_message(self, format: str, *args: Any) -> None:
        """Say nothing."""
