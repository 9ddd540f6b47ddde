"""A FastAPI service behind Paseport: ``uvicorn fastapi_service:app``; ``/docs`` shows who needs a token."""

import os
from typing import Annotated

from fastapi import Depends, FastAPI
from paseport import Principal, Verifier
from paseport.fastapi import Bearer, answer_refusals, running

verifier = Verifier(
    issuer=os.environ["PASEPORT_ISSUER"],
    audience=os.environ["PASEPORT_AUDIENCE"],
    client_id=os.environ["PASEPORT_CLIENT_ID"],
    client_secret=os.environ["PASEPORT_CLIENT_SECRET"],
)
app = FastAPI(lifespan=running(verifier))
answer_refusals(app)


@app.get("/hello")
async def hello(principal: Annotated[Principal, Depends(Bearer(verifier))]) -> str:
    return principal.username


@app.get("/audit")
async def audit(principal: Annotated[Principal, Depends(Bearer(verifier, roles=("Admin",)))]) -> str:
    return principal.username
