"""A service of plain ASGI behind Paseport: ``uvicorn asgi_service:app``."""

import os
from typing import Any

from paseport import Verifier
from paseport.asgi import BearerMiddleware
from paseport.bearer import PRINCIPAL

verifier = Verifier(
    issuer=os.environ["PASEPORT_ISSUER"],
    audience=os.environ["PASEPORT_AUDIENCE"],
    client_id=os.environ["PASEPORT_CLIENT_ID"],
    client_secret=os.environ["PASEPORT_CLIENT_SECRET"],
)


async def service(scope: Any, receive: Any, send: Any) -> None:
    principal = scope[PRINCIPAL]
    allowed = scope["path"] != "/audit" or "Admin" in principal.roles
    headers = [(b"content-type", b"text/plain; charset=utf-8")]
    await send({"type": "http.response.start", "status": 200 if allowed else 403, "headers": headers})
    await send({"type": "http.response.body", "body": principal.username.encode() if allowed else b"Admins only."})


app = BearerMiddleware(service, verifier, runs_verifier=True)
