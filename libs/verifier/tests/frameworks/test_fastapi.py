"""A FastAPI service behind a verifier, and a Starlette one."""

from typing import Annotated, Any

import httpx
import pytest
from downstream import (
    CHALLENGE,
    INVALID_TOKEN,
    Downstream,
    Exchange,
    authorization,
    client,
    exchange,
    http_scope,
    websocket_scope,
)
from fastapi import Depends, FastAPI, Security, WebSocket
from paseport.asgi import BearerMiddleware
from paseport.bearer import PRINCIPAL
from paseport.fastapi import Bearer, answer_refusals, running
from paseport.principal import Principal
from paseport.requirements import require_roles
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.routing import Route


class Service:
    """The app, and which of its routes ran."""

    def __init__(self, downstream: Downstream) -> None:
        self.ran: list[str] = []
        self.app = FastAPI(lifespan=running(downstream))
        answer_refusals(self.app)
        bearer = Bearer(downstream)
        writer = Bearer(downstream, scopes=("reports", "reports:write"), roles=("Admin", "Auditor"))

        @self.app.get("/me")
        @self.app.head("/me")
        async def me(principal: Annotated[Principal, Depends(bearer)]) -> dict[str, Any]:
            self.ran.append("me")
            return {"username": principal.username, "roles": sorted(principal.roles)}

        @self.app.post("/reports")
        async def write(principal: Annotated[Principal, Depends(writer)]) -> str:
            self.ran.append("write")
            return principal.username

        @self.app.get("/both", dependencies=[Depends(bearer)])
        async def both(principal: Annotated[Principal, Security(bearer, scopes=["audit"])]) -> str:
            self.ran.append("both")
            return principal.username

        @self.app.get("/public")
        async def public() -> str:
            return "public"

        @self.app.websocket("/stream")
        async def stream(websocket: WebSocket, principal: Annotated[Principal, Depends(bearer)]) -> None:
            self.ran.append("stream")
            await websocket.accept()
            await websocket.send_text(principal.username)
            await websocket.close()

    async def send(self, method: str, path: str, *values: str | bytes) -> httpx.Response:
        async with client(self.app) as caller:
            return await caller.request(method, path, headers=authorization(*values))

    async def connect(self, *values: bytes, extension: bool = True) -> Exchange:
        return await exchange(self.app, websocket_scope(*values, path="/stream", extension=extension))


@pytest.fixture
def service(downstream: Downstream) -> Service:
    return Service(downstream)


async def test_a_caller_with_a_good_token_reaches_the_route(downstream: Downstream, service: Service) -> None:
    await downstream.alice_holds("User")

    answer = await service.send("GET", "/me", f"Bearer {downstream.token()}")

    assert answer.json() == {"username": "alice", "roles": ["User"]}


async def test_a_caller_without_a_token_is_asked_for_one(service: Service) -> None:
    """TK-01."""
    answer = await service.send("GET", "/me")

    assert (answer.status_code, answer.headers["www-authenticate"]) == (401, CHALLENGE)
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json()["code"] == "authentication_required"


async def test_every_unusable_token_gets_the_same_answer(downstream: Downstream, service: Service) -> None:
    """TK-11, TK-26."""
    await downstream.alice_holds("User")
    good = f"Bearer {downstream.token()}"

    answers = [await service.send("GET", "/me", f"Bearer {bad}") for bad in downstream.bad_tokens().values()]
    answers += [await service.send("GET", "/me", b"Bearer \xff"), await service.send("GET", "/me", good, good)]

    assert {(answer.status_code, answer.content, answer.headers["www-authenticate"]) for answer in answers} == {
        (401, answers[0].content, INVALID_TOKEN)
    }
    assert service.ran == []


async def test_an_outage_lets_nobody_through_and_says_when_to_come_back(
    downstream: Downstream, service: Service
) -> None:
    with downstream.keys_down:
        answer = await service.send("GET", "/me", f"Bearer {downstream.token()}")

    assert (answer.status_code, answer.headers["retry-after"], service.ran) == (503, "1", [])


async def test_a_missing_scope_is_told_before_a_missing_role(downstream: Downstream, service: Service) -> None:
    await downstream.alice_holds("User")

    answer = await service.send("POST", "/reports", f"Bearer {downstream.token('roles', 'reports')}")

    challenge = f'{CHALLENGE}, error="insufficient_scope", scope="reports reports:write"'
    assert (answer.status_code, answer.headers["www-authenticate"], service.ran) == (403, challenge, [])


@pytest.mark.parametrize(("role", "status"), [("Admin", 200), ("Auditor", 200), ("User", 403), ("admin", 403)])
async def test_one_of_the_roles_is_enough_and_another_is_not(
    downstream: Downstream, service: Service, role: str, status: int
) -> None:
    await downstream.alice_holds(role)
    token = downstream.token("roles", "reports", "reports:write")

    answer = await service.send("POST", "/reports", f"Bearer {token}")

    assert (answer.status_code, service.ran) == (status, ["write"] if status == 200 else [])


async def test_scopes_that_are_given_in_fastapis_own_way_are_required_too(
    downstream: Downstream, service: Service
) -> None:
    """``Security(bearer, scopes=[…])``: a dependency that ignored them would let everybody through."""
    await downstream.alice_holds("User")

    refused = await service.send("GET", "/both", f"Bearer {downstream.token('reports')}")
    allowed = await service.send("GET", "/both", f"Bearer {downstream.token('audit')}")

    assert (refused.status_code, refused.headers["www-authenticate"].endswith('scope="audit"')) == (403, True)
    assert (allowed.status_code, service.ran) == (200, ["both"])


async def test_several_dependencies_cost_one_verification_and_a_public_route_none(
    downstream: Downstream, service: Service
) -> None:
    await downstream.alice_holds("User")
    token = downstream.token("audit")

    await service.send("GET", "/both", f"Bearer {token}")
    assert downstream.asked == 1
    assert (await service.send("GET", "/public", f"Bearer {token}")).json() == "public"
    assert downstream.asked == 1


async def test_a_dependency_behind_the_middleware_does_not_verify_again(
    downstream: Downstream, service: Service
) -> None:
    await downstream.alice_holds("User")
    service.app.add_middleware(BearerMiddleware, verifier=downstream)

    answer = await service.send("GET", "/me", f"Bearer {downstream.token()}")

    assert (answer.status_code, downstream.asked) == (200, 1)


@pytest.mark.parametrize("fault", [KeyError, TimeoutError, RecursionError], ids=["key", "timeout", "recursion"])
async def test_a_fault_of_the_verifier_lets_nobody_through(
    downstream: Downstream, service: Service, monkeypatch: pytest.MonkeyPatch, fault: type[Exception]
) -> None:
    """FA-07."""

    async def fail(*_: object) -> Any:
        raise fault("rehearsed")

    monkeypatch.setattr(downstream.keys, "get", fail)

    answer = await service.send("GET", "/me", f"Bearer {downstream.token()}")

    assert (answer.status_code, service.ran) == (500, [])
    assert "rehearsed" not in answer.text


async def test_an_app_that_was_not_told_how_to_answer_lets_nobody_through(downstream: Downstream) -> None:
    app = FastAPI()
    ran: list[str] = []

    @app.get("/")
    async def route(principal: Annotated[Principal, Depends(Bearer(downstream))]) -> str:
        ran.append("route")
        return principal.username

    async with client(app) as caller:
        assert (await caller.get("/")).status_code == 500

    assert ran == []


async def test_a_websocket_is_asked_for_its_token_during_the_handshake(
    downstream: Downstream, service: Service
) -> None:
    await downstream.alice_holds("User")

    good = await service.connect(f"Bearer {downstream.token()}".encode())
    bad = await service.connect(b"Bearer junk")
    plain = await service.connect(b"Bearer junk", extension=False)

    assert [message["type"] for message in good.sent] == ["websocket.accept", "websocket.send", "websocket.close"]
    assert (bad.sent[0]["type"], bad.status) == ("websocket.http.response.start", 401)
    assert (bad.headers["www-authenticate"], bad.problem["code"]) == (INVALID_TOKEN, "invalid_token")
    assert [(message["type"], message["code"]) for message in plain.sent] == [("websocket.close", 1008)]
    assert service.ran == ["stream"]


async def test_the_answer_to_head_is_that_to_get_without_its_body(service: Service) -> None:
    get, head = [await exchange(service.app, http_scope(method=method, path="/me")) for method in ("GET", "HEAD")]

    assert (head.headers, head.body) == (get.headers, b"")
    assert get.headers["content-length"] == str(len(get.body))


def test_the_document_shows_a_bearer_scheme_and_who_needs_it(service: Service) -> None:
    document = service.app.openapi()

    scheme = document["components"]["securitySchemes"]["Bearer"]
    assert (scheme["type"], scheme["scheme"], scheme["bearerFormat"]) == ("http", "bearer", "PASETO v4.public")
    assert document["paths"]["/me"]["get"]["security"] == [{"Bearer": []}]
    assert "security" not in document["paths"]["/public"]["get"]


def test_requirements_are_looked_at_when_the_app_is_made(downstream: Downstream) -> None:
    with pytest.raises(TypeError, match="roles"):
        Bearer(downstream, roles="Admin")
    with pytest.raises(TypeError, match="scopes"):
        Bearer(downstream, scopes="reports")
    with pytest.raises(ValueError, match="scope"):
        Bearer(downstream, scopes=["two words"])


async def test_the_verifier_runs_as_long_as_the_app(downstream: Downstream, service: Service) -> None:
    async with service.app.router.lifespan_context(service.app):
        assert downstream.events == ["verifier started"]

    assert downstream.events == ["verifier started", "verifier closed"]


# --- Starlette --------------------------------------------------------------------------------------------------------


async def test_a_starlette_route_gets_the_caller_from_the_middleware(downstream: Downstream) -> None:
    await downstream.alice_holds("User")

    async def report(request: Request) -> PlainTextResponse:
        require_roles(request.scope[PRINCIPAL], request.query_params["role"])
        return PlainTextResponse("the report")

    app = Starlette(
        routes=[Route("/report", report)],
        middleware=[Middleware(BearerMiddleware, verifier=downstream)],
        lifespan=running(downstream),
    )
    answer_refusals(app)

    async with client(app) as caller:
        headers = authorization(f"Bearer {downstream.token()}")
        allowed = await caller.get("/report?role=User", headers=headers)
        refused = await caller.get("/report?role=Admin", headers=headers)
        stranger = await caller.get("/report?role=User")

    assert (allowed.text, refused.status_code, stranger.status_code) == ("the report", 403, 401)
    assert refused.json()["code"] == "insufficient_role"
