"""The middleware in front of any ASGI application: who reaches it, and how the others are told."""

import asyncio
from collections.abc import Iterator
from typing import Any

import pytest
from downstream import CHALLENGE, INVALID_TOKEN, Downstream, Exchange, exchange, http_scope, websocket_scope
from hypothesis import given
from hypothesis import strategies as st
from paseport.asgi import BearerMiddleware
from paseport.bearer import PRINCIPAL
from paseport.errors import AuthError, Unavailable

METHODS = ["GET", "HEAD", "POST", "OPTIONS", "TRACE"]


class Reports:
    """The application behind: remembers each caller it ran for."""

    def __init__(self, events: list[str] | None = None) -> None:
        self.callers: list[Any] = []
        self.scopes: list[dict[str, Any]] = []
        self.events = events if events is not None else []

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "lifespan":
            await self.live(receive, send)
            return
        self.callers.append(scope[PRINCIPAL])
        self.scopes.append(scope)
        if scope["type"] == "http":
            await send({"type": "http.response.start", "status": 200, "headers": []})
            await send({"type": "http.response.body", "body": b"the report"})
        else:
            await receive()
            await send({"type": "websocket.accept"})

    async def live(self, receive: Any, send: Any) -> None:
        assert (await receive())["type"] == "lifespan.startup"
        self.events.append("app started")
        await send({"type": "lifespan.startup.complete"})
        assert (await receive())["type"] == "lifespan.shutdown"
        self.events.append("app ended")
        await send({"type": "lifespan.shutdown.complete"})


@pytest.fixture
def reports() -> Reports:
    return Reports()


def bearer(token: str) -> bytes:
    return f"Bearer {token}".encode()


# --- http -------------------------------------------------------------------------------------------------------------


async def test_a_caller_with_a_good_token_reaches_the_application(downstream: Downstream, reports: Reports) -> None:
    await downstream.alice_holds("User")

    seen = await exchange(BearerMiddleware(reports, downstream), http_scope(bearer(downstream.token())))

    (alice,) = reports.callers
    assert (seen.status, seen.body) == (200, b"the report")
    assert (alice.username, alice.roles, alice.scopes) == ("alice", {"User"}, {"roles", "reports"})


@pytest.mark.parametrize("method", METHODS)
async def test_a_caller_without_a_token_is_asked_for_one_whatever_the_method(
    downstream: Downstream, reports: Reports, method: str
) -> None:
    """TK-01. OPTIONS too: a CORS preflight is answered in front of the middleware or not at all."""
    seen = await exchange(BearerMiddleware(reports, downstream), http_scope(method=method))

    assert (seen.status, seen.headers["www-authenticate"]) == (401, CHALLENGE)
    assert (reports.callers, downstream.asked) == ([], 1)


async def test_the_answer_to_head_is_that_to_get_without_its_body(downstream: Downstream, reports: Reports) -> None:
    """RFC 9110 §9.3.2."""
    app = BearerMiddleware(reports, downstream)

    get, head = await exchange(app, http_scope()), await exchange(app, http_scope(method="HEAD"))

    assert (head.headers, head.body) == (get.headers, b"")
    assert get.headers["content-length"] == str(len(get.body))


async def test_no_answer_tells_which_check_failed(downstream: Downstream, reports: Reports) -> None:
    """TK-26: equal to the byte, headers included; TK-02, TK-03, TK-08, TK-14, TK-15 are among them."""
    await downstream.alice_holds("User")
    app = BearerMiddleware(reports, downstream)

    answers = {name: await exchange(app, http_scope(bearer(bad))) for name, bad in downstream.bad_tokens().items()}
    revoked = downstream.token()
    downstream.revoke_session()
    answers["revoked"] = await exchange(app, http_scope(bearer(revoked)))
    answers["twice"] = await exchange(app, http_scope(bearer(revoked), bearer(revoked)))
    answers["junk"] = await exchange(app, http_scope(b"Bearer \xff"))

    assert {name: answer.sent for name, answer in answers.items()} == dict.fromkeys(answers, answers["junk"].sent)
    assert (answers["junk"].status, answers["junk"].headers["www-authenticate"]) == (401, INVALID_TOKEN)
    assert reports.callers == []


@pytest.mark.parametrize("second", [b"Basic eA==", b"", b"Bearer junk"], ids=["basic", "empty", "junk"])
@pytest.mark.parametrize("order", [1, -1], ids=["good first", "good last"])
async def test_a_good_token_beside_a_second_header_is_refused(
    downstream: Downstream, reports: Reports, second: bytes, order: int
) -> None:
    await downstream.alice_holds("User")

    values = [bearer(downstream.token()), second][::order]
    seen = await exchange(BearerMiddleware(reports, downstream), http_scope(*values))

    assert (seen.status, seen.problem["code"], reports.callers) == (401, "invalid_token", [])


async def test_an_outage_is_no_verdict_about_the_token(downstream: Downstream, reports: Reports) -> None:
    """FT-08: 503 with Retry-After, and nobody passes."""
    with downstream.roles_down:
        seen = await exchange(BearerMiddleware(reports, downstream), http_scope(bearer(downstream.token())))

    assert (seen.status, seen.headers["retry-after"], seen.problem["code"]) == (503, "1", "unavailable")
    assert reports.callers == []


async def test_the_scope_of_those_around_it_stays_as_it_was(downstream: Downstream, reports: Reports) -> None:
    await downstream.alice_holds("User")
    scope = http_scope(bearer(downstream.token()))
    before = dict(scope)

    await exchange(BearerMiddleware(reports, downstream), scope)

    assert scope == before
    assert len(reports.callers) == 1


async def test_another_verifiers_verdict_does_not_count(downstream: Downstream, reports: Reports) -> None:
    """Mounted applications with audiences of their own: what is good for one is asked again for the other."""
    await downstream.alice_holds("User")
    stricter = Downstream()
    app = BearerMiddleware(BearerMiddleware(reports, stricter), downstream)

    seen = await exchange(app, http_scope(bearer(downstream.token())))

    assert (seen.status, reports.callers, stricter.asked) == (401, [], 1)


async def test_the_same_verifier_twice_verifies_once(downstream: Downstream, reports: Reports) -> None:
    await downstream.alice_holds("User")
    app = BearerMiddleware(BearerMiddleware(reports, downstream), downstream)

    await exchange(app, http_scope(bearer(downstream.token())))

    assert (len(reports.callers), downstream.asked) == (1, 1)


# --- who need not be known --------------------------------------------------------------------------------------------


async def test_where_a_token_is_not_required_a_stranger_is_nobody(downstream: Downstream, reports: Reports) -> None:
    app = BearerMiddleware(reports, downstream, required=False)

    for values in ([], [b"Basic eA=="]):
        assert (await exchange(app, http_scope(*values))).status == 200

    assert reports.callers == [None, None]


async def test_where_a_token_is_not_required_a_bad_one_is_refused_all_the_same(
    downstream: Downstream, reports: Reports
) -> None:
    app = BearerMiddleware(reports, downstream, required=False)

    for bad in downstream.bad_tokens().values():
        assert (await exchange(app, http_scope(bearer(bad)))).status == 401
    with downstream.keys_down:
        assert (await exchange(app, http_scope(bearer(downstream.token())))).status == 503

    assert reports.callers == []


async def test_an_exempt_path_asks_nobody_and_believes_nobody(downstream: Downstream, reports: Reports) -> None:
    await downstream.alice_holds("User")
    app = BearerMiddleware(reports, downstream, exempt=("/health",))

    for values in ([], [bearer(downstream.token())], [b"Bearer junk"]):
        assert (await exchange(app, http_scope(*values, path="/health"))).status == 200

    assert (reports.callers, downstream.asked) == ([None, None, None], 0)


@pytest.mark.parametrize(
    "path",
    ["/health/", "/health/..", "/health/../reports", "//health", "/Health", "/health;x", "/health\x00", "/", ""],
    ids=repr,
)
async def test_a_path_that_is_only_similar_is_not_exempt(downstream: Downstream, reports: Reports, path: str) -> None:
    seen = await exchange(BearerMiddleware(reports, downstream, exempt=["/health"]), http_scope(path=path))

    assert (seen.status, reports.callers) == (401, [])


def test_an_exemption_that_would_exempt_other_paths_is_refused(downstream: Downstream, reports: Reports) -> None:
    """The characters of "/health" are paths too, and one of them is "/"."""
    with pytest.raises(TypeError, match="collection"):
        BearerMiddleware(reports, downstream, exempt="/health")
    with pytest.raises(ValueError, match="slash"):
        BearerMiddleware(reports, downstream, exempt=["health"])


# --- websockets -------------------------------------------------------------------------------------------------------


async def test_a_websocket_with_a_good_token_is_accepted(downstream: Downstream, reports: Reports) -> None:
    await downstream.alice_holds("User")

    seen = await exchange(BearerMiddleware(reports, downstream), websocket_scope(bearer(downstream.token())))

    assert seen.sent == [{"type": "websocket.accept"}]
    assert [alice.username for alice in reports.callers] == ["alice"]


@pytest.mark.parametrize(
    ("values", "challenge"),
    [([], CHALLENGE), ([b"Bearer junk"], INVALID_TOKEN), ([b"Bearer junk", b"Bearer junk"], INVALID_TOKEN)],
    ids=["no token", "a bad token", "two headers"],
)
async def test_a_handshake_is_refused_as_a_request_is(
    downstream: Downstream, reports: Reports, values: list[bytes], challenge: str
) -> None:
    app = BearerMiddleware(reports, downstream)

    seen, request = await exchange(app, websocket_scope(*values)), await exchange(app, http_scope(*values))

    assert [message["type"] for message in seen.sent] == [
        "websocket.http.response.start",
        "websocket.http.response.body",
    ]
    assert (seen.status, seen.headers["www-authenticate"]) == (401, challenge)
    assert (seen.headers, seen.body) == (request.headers, request.body)
    assert reports.callers == []


async def test_a_server_without_the_extension_refuses_the_handshake_itself(
    downstream: Downstream, reports: Reports
) -> None:
    """ASGI: a close before the accept is a 403."""
    seen = await exchange(BearerMiddleware(reports, downstream), websocket_scope(extension=False))

    assert seen.sent == [{"type": "websocket.close", "code": 1008, "reason": ""}]
    assert reports.callers == []


async def test_a_client_that_left_during_the_handshake_is_told_nothing(
    downstream: Downstream, reports: Reports
) -> None:
    app = BearerMiddleware(reports, downstream)

    seen = await exchange(app, websocket_scope(), {"type": "websocket.disconnect", "code": 1006})

    assert (seen.sent, reports.callers) == ([], [])


# --- whatever happens, nobody passes ----------------------------------------------------------------------------------


class Ended(BaseException):
    """What a server may throw into a task from outside, such as KeyboardInterrupt."""


FAULTS = [
    Unavailable("rehearsed"),
    TimeoutError("rehearsed"),
    ConnectionResetError("rehearsed"),
    KeyError("rehearsed"),
    RecursionError("rehearsed"),
    StopAsyncIteration("rehearsed"),
    ExceptionGroup("rehearsed", [ValueError("one")]),
    asyncio.CancelledError("rehearsed"),
    Ended("rehearsed"),
]
SCOPES = {"http": http_scope, "websocket": websocket_scope}


def fault_id(value: object) -> str:
    return value if isinstance(value, str) else type(value).__name__


def points(downstream: Downstream) -> dict[str, tuple[object, str]]:
    """The object and method behind each await on the way to the application, in the order in which they are passed."""
    return {
        "verifier": (downstream, "verify"),
        "key set": (downstream.keys, "get"),
        "role directory": (downstream.directory, "find"),
        "completeness": (downstream.directory, "is_complete"),
        "subject source": (downstream.source, "resolve"),
    }


@pytest.mark.parametrize("protocol", SCOPES)
@pytest.mark.parametrize("fault", FAULTS, ids=fault_id)
@pytest.mark.parametrize("point", points(Downstream()))
async def test_a_fault_at_any_point_of_the_decision_lets_nobody_through(
    downstream: Downstream,
    reports: Reports,
    monkeypatch: pytest.MonkeyPatch,
    point: str,
    fault: BaseException,
    protocol: str,
) -> None:
    """FA-07. The directory is incomplete and empty, so that a request passes every point."""
    reached = 0

    async def fail(*_: object) -> Any:
        nonlocal reached
        reached += 1
        raise fault

    monkeypatch.setattr(*points(downstream)[point], fail)
    seen = Exchange()
    raised: BaseException | None = None
    try:
        app = BearerMiddleware(reports, downstream)
        seen = await exchange(app, SCOPES[protocol](bearer(downstream.token())))
    except BaseException as error:
        raised = error

    assert (reached, reports.callers) == (1, [])
    if isinstance(fault, AuthError):
        # Where the directory is out of reach the source is asked, and knows nobody.
        assert (raised, seen.status) == (None, 401 if "role" in point or "complete" in point else 503)
    else:
        assert raised is fault


@pytest.mark.parametrize("protocol", SCOPES)
@pytest.mark.parametrize("fault", FAULTS, ids=fault_id)
@pytest.mark.parametrize("failing", ["receive", "send", "second send"])
@pytest.mark.parametrize("values", [[], [b"Bearer junk"]], ids=["no token", "a bad token"])
async def test_a_refusal_that_cannot_be_delivered_is_still_one(
    downstream: Downstream,
    reports: Reports,
    protocol: str,
    fault: BaseException,
    failing: str,
    values: list[bytes],
) -> None:
    """FA-07: the client is gone, or the server is ending."""
    sends = 0

    async def receive() -> dict[str, Any]:
        if failing == "receive":
            raise fault
        return {"type": "websocket.connect" if protocol == "websocket" else "http.request"}

    async def send(message: dict[str, Any]) -> None:
        nonlocal sends
        sends += 1
        if failing == "send" or (failing == "second send" and sends == 2):
            raise fault

    raised: BaseException | None = None
    try:
        await BearerMiddleware(reports, downstream)(SCOPES[protocol](*values), receive, send)
    except BaseException as error:
        raised = error

    assert reports.callers == []
    is_reached = failing != "receive" or protocol == "websocket"
    assert raised is (fault if is_reached else None)


async def test_a_request_that_is_cancelled_while_its_token_is_verified_ends_there(
    downstream: Downstream, reports: Reports, monkeypatch: pytest.MonkeyPatch
) -> None:
    """FA-07: a client that disconnects, on servers that cancel."""
    waiting = asyncio.Event()

    async def forever(*_: object) -> Any:
        waiting.set()
        await asyncio.get_running_loop().create_future()

    monkeypatch.setattr(downstream.keys, "get", forever)
    app = BearerMiddleware(reports, downstream)
    request = asyncio.create_task(exchange(app, http_scope(bearer(downstream.token()))))
    await waiting.wait()

    request.cancel()
    await asyncio.wait([request])

    assert (request.cancelled(), reports.callers) == (True, [])


@pytest.mark.parametrize("verdict", [None, True, {"sub": "alice"}, "alice"], ids=repr)
async def test_a_stand_in_that_verifies_nothing_lets_nobody_through(reports: Reports, verdict: object) -> None:
    """A verifier of somebody's tests, forgotten in production: None would mean a caller who need not be known."""

    class Forgotten(Downstream):
        async def verify(self, token: str | None) -> Any:
            return verdict

    for required in (True, False):
        with pytest.raises(TypeError, match="no Principal"):
            await exchange(BearerMiddleware(reports, Forgotten(), required=required), http_scope(b"Bearer x"))

    assert reports.callers == []


async def test_a_protocol_that_nobody_knows_does_not_pass(downstream: Downstream, reports: Reports) -> None:
    with pytest.raises(KeyError):
        await exchange(BearerMiddleware(reports, downstream), {"type": "webtransport"}, {"type": "x"})

    assert reports.callers == []


@given(st.lists(st.binary(max_size=80) | st.builds(lambda junk: b"Bearer " + junk, st.binary(max_size=80)), max_size=3))
def test_no_bytes_in_the_header_pass(values: list[bytes]) -> None:
    """TK-11, TK-25: nothing but the issuer's signature lets anybody through, and nothing is a fault."""
    downstream, reports = Downstream(), Reports()

    seen = asyncio.run(exchange(BearerMiddleware(reports, downstream), http_scope(*values)))

    assert (seen.status, reports.callers) == (401, [])


# --- the verifier's life ----------------------------------------------------------------------------------------------


def server(events: list[str]) -> tuple[Any, Any]:
    """The server's side of the lifespan protocol: startup, then shutdown as soon as the startup was answered."""
    messages: Iterator[dict[str, Any]] = iter([{"type": "lifespan.startup"}, {"type": "lifespan.shutdown"}])

    async def receive() -> dict[str, Any]:
        return next(messages)

    async def send(message: dict[str, Any]) -> None:
        events.append(message["type"])

    return receive, send


async def test_the_verifier_runs_around_the_application(downstream: Downstream) -> None:
    app = BearerMiddleware(Reports(downstream.events), downstream, runs_verifier=True)

    await app({"type": "lifespan"}, *server(downstream.events))

    assert downstream.events == [
        "verifier started",
        "app started",
        "lifespan.startup.complete",
        "app ended",
        "verifier closed",
        "lifespan.shutdown.complete",
    ]


async def test_a_verifier_that_somebody_else_runs_is_left_alone(downstream: Downstream) -> None:
    app = BearerMiddleware(Reports(downstream.events), downstream)

    await app({"type": "lifespan"}, *server(downstream.events))

    assert downstream.events == ["app started", "lifespan.startup.complete", "app ended", "lifespan.shutdown.complete"]


@pytest.mark.parametrize("manner", ["raises", "returns"])
async def test_an_application_that_knows_no_lifespan_gets_its_verifier_too(downstream: Downstream, manner: str) -> None:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        if manner == "raises":
            raise NotImplementedError(scope["type"])

    await BearerMiddleware(app, downstream, runs_verifier=True)({"type": "lifespan"}, *server(downstream.events))

    assert downstream.events == [
        "verifier started",
        "lifespan.startup.complete",
        "verifier closed",
        "lifespan.shutdown.complete",
    ]


@pytest.mark.parametrize("hears", [1, 2], ids=["before the shutdown", "without answering it"])
async def test_an_application_that_is_gone_before_it_answered_the_shutdown_holds_nobody_up(
    downstream: Downstream, hears: int
) -> None:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        await receive()
        await send({"type": "lifespan.startup.complete"})
        for _ in range(hears - 1):
            await receive()

    await BearerMiddleware(app, downstream, runs_verifier=True)({"type": "lifespan"}, *server(downstream.events))

    assert downstream.events[-2:] == ["verifier closed", "lifespan.shutdown.complete"]


async def test_an_application_whose_startup_failed_leaves_no_verifier_behind(downstream: Downstream) -> None:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        await receive()
        await send({"type": "lifespan.startup.failed", "message": "no database"})

    await BearerMiddleware(app, downstream, runs_verifier=True)({"type": "lifespan"}, *server(downstream.events))

    assert downstream.events == ["verifier started", "lifespan.startup.failed", "verifier closed"]


async def test_a_verifier_that_cannot_start_fails_the_startup(
    downstream: Downstream, reports: Reports, monkeypatch: pytest.MonkeyPatch
) -> None:
    """To raise would tell the server that nobody speaks the protocol, and it would serve all the same."""

    async def fail() -> None:
        raise OSError("rehearsed")

    monkeypatch.setattr(downstream, "start", fail)
    app = BearerMiddleware(reports, downstream, runs_verifier=True)

    await app({"type": "lifespan"}, *server(downstream.events))

    assert (downstream.events, reports.events) == (["lifespan.startup.failed"], [])


async def test_an_application_that_fails_after_its_startup_closes_the_verifier_and_says_so(
    downstream: Downstream,
) -> None:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        await receive()
        await send({"type": "lifespan.startup.complete"})
        raise RuntimeError("rehearsed")

    with pytest.raises(RuntimeError, match="rehearsed"):
        await BearerMiddleware(app, downstream, runs_verifier=True)({"type": "lifespan"}, *server(downstream.events))

    assert downstream.events == ["verifier started", "lifespan.startup.complete", "verifier closed"]
