"""A built app as small as one can be, and a client for applications that are called directly."""

from __future__ import annotations

from pathlib import Path

import httpx
from paseport_standalone.asgi import ASGIApp

POLICY = "default-src 'none'; script-src 'self' 'sha256-abc='; object-src 'none'"
PAGE = f"""<!doctype html><html><head>
<meta http-equiv="content-security-policy" content="{POLICY}">
</head><body>the app</body></html>"""
SWAGGER_POLICY = "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'"
SWAGGER_PAGE = PAGE.replace(POLICY, SWAGGER_POLICY).replace("the app", "the documents")
BROWSER = {"Accept": "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"}


def write_build(folder: Path) -> Path:
    """Write a build and return its folder."""
    files = {
        "index.html": PAGE,
        "favicon.svg": "<svg xmlns='http://www.w3.org/2000/svg'/>",
        "robots.txt": "User-agent: *",
        "_app/version.json": '{"version":"1"}',
        "_app/immutable/entry/start.abc123.js": "export const started = true;",
        "_app/immutable/entry/start.abc123.js.map": '{"sources":["secret.ts"]}',
        "swagger-ui/index.html": SWAGGER_PAGE,
        "swagger-ui/init.js": "init()",
        ".build-done": "",
        ".vite/manifest.json": "{}",
    }
    for name, text in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return folder


def client_of(app: ASGIApp, host: str = "localhost:8080") -> httpx.AsyncClient:
    """Return a client that calls ``app`` as if it had been sent to ``host``."""
    return httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url=f"http://{host}")
