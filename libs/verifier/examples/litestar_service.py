"""A Litestar service behind Paseport: ``uvicorn litestar_service:app``."""

import os

from litestar import Litestar, get
from litestar.di import NamedDependency
from paseport import Principal, Verifier
from paseport.litestar import PaseportPlugin, require_bearer, require_roles

verifier = Verifier(
    issuer=os.environ["PASEPORT_ISSUER"],
    audience=os.environ["PASEPORT_AUDIENCE"],
    client_id=os.environ["PASEPORT_CLIENT_ID"],
    client_secret=os.environ["PASEPORT_CLIENT_SECRET"],
)


@get("/hello", guards=[require_bearer])
async def hello(principal: NamedDependency[Principal]) -> str:
    return principal.username


@get("/audit", guards=[require_roles("Admin")])
async def audit(principal: NamedDependency[Principal]) -> str:
    return principal.username


app = Litestar([hello, audit], plugins=[PaseportPlugin(verifier)])
