"""A Flask service behind Paseport: ``flask --app flask_service run``."""

import os

from flask import Flask, Response, request
from paseport import AuthError, Verifier
from paseport.bearer import refuse
from paseport.requirements import require_roles
from paseport.sync import SyncVerifier

verifier = SyncVerifier(
    lambda: Verifier(
        issuer=os.environ["PASEPORT_ISSUER"],
        audience=os.environ["PASEPORT_AUDIENCE"],
        client_id=os.environ["PASEPORT_CLIENT_ID"],
        client_secret=os.environ["PASEPORT_CLIENT_SECRET"],
    )
)
app = Flask(__name__)


@app.errorhandler(AuthError)
def refused(error: AuthError) -> Response:
    refusal = refuse(error)
    return Response(refusal.body, refusal.status, refusal.headers)


@app.get("/hello")
def hello() -> str:
    return verifier.authenticate(request.headers.get("Authorization")).username


@app.get("/audit")
def audit() -> str:
    caller = verifier.authenticate(request.headers.get("Authorization"))
    require_roles(caller, "Admin")
    return caller.username
