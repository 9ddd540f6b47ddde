"""The api asks the issuer whose user name something is. Only two answers count; every other one refuses."""

import json
from uuid import UUID

import httpx
import pytest
from paseport.issuer_client import open_http_client
from paseport.secret import Secret
from paseport.subject import SubjectState
from paseport_shared.adapters.issuer.internal_client import InternalClient
from paseport_shared.adapters.issuer.usernames import IssuerUsernames
from paseport_shared.domain.errors import Unavailable

ALICE = UUID("01900000-0000-7000-8000-00000000a11c")
PRINCIPAL = {
    "subject": str(ALICE),
    "username": "Alice",
    "roles": ["Admin", "User"],
    "enabled": False,
    "version": 3,
    "revision": 9,
    "email": "alice@example.com",
    "name": "Alice",
}


def answering(status: int, body: object = None, seen: list[httpx.Request] | None = None) -> IssuerUsernames:
    def issuer(request: httpx.Request) -> httpx.Response:
        (seen if seen is not None else []).append(request)
        return httpx.Response(status, json=body)

    client = open_http_client("http://issuer.internal:3010", httpx.MockTransport(issuer))
    return IssuerUsernames(InternalClient(client, Secret("the service secret")))


async def test_a_known_name_is_the_user_as_the_record_knows_them() -> None:
    seen: list[httpx.Request] = []

    state = await answering(200, PRINCIPAL, seen).find("alice")

    assert state == SubjectState(ALICE, "Alice", frozenset({"Admin", "User"}), enabled=False, version=3, revision=9)
    (request,) = seen
    assert (request.method, request.url.path) == ("POST", "/internal/v1/usernames")
    assert request.headers["Authorization"] == "Bearer the service secret"
    assert json.loads(request.content) == {"username": "alice"}


async def test_an_unknown_name_is_nobody_when_the_issuer_says_so() -> None:
    assert await answering(404, {"code": "not_found", "status": 404}).find("nobody") is None


@pytest.mark.parametrize(
    ("status", "body"),
    [
        (404, {"detail": "no such route"}),
        (404, None),
        (400, {"code": "invalid_request"}),
        (401, {"code": "authentication_required"}),
        (500, {"code": "internal_error"}),
        (503, {"code": "unavailable"}),
        (200, None),
        (200, {}),
        (200, PRINCIPAL | {"subject": "alice"}),
        (200, PRINCIPAL | {"roles": ["Admin,User"]}),
        (200, PRINCIPAL | {"enabled": "yes"}),
    ],
)
async def test_any_other_answer_is_unavailable_and_never_nobody(status: int, body: object) -> None:
    with pytest.raises(Unavailable):
        await answering(status, body).find("alice")
