"""What is counted and logged of a request, and what is not (LG-21)."""

import io
import json
import logging
from collections.abc import Iterator
from typing import Any

import pytest
import structlog
from http_support import client, service
from litestar import get
from litestar.params import FromPath
from paseport.secret import Secret
from paseport_shared.adapters.issuer.service_counters import read_counters
from paseport_shared.domain.errors import GrantRefusal, InvalidGrant, Overloaded, RecordedNotInForce
from paseport_shared.domain.models.service_reading import Pool
from paseport_shared.http.health import health_handlers
from paseport_shared.http.logging import LOGGED_FROM_LEVEL, configure_logging, redact_secrets
from paseport_shared.http.metrics import IssuerMetrics, ServiceMetrics, metrics_handler
from paseport_shared.request_context import answering
from structlog.testing import capture_logs

CANARY = "canary-5c0ffee"


@get("/items/{name:str}")
async def item(name: FromPath[str]) -> str:
    return name


@get("/bug")
async def bug() -> None:
    raise ValueError("bug")


def access_lines(log: list[Any]) -> list[dict[str, Any]]:
    return [line for line in log if line["event"] == "request"]


# --- the log ----------------------------------------------------------------------------------------------------------


async def test_an_answer_leaves_one_line_with_its_route_and_its_caller() -> None:
    with capture_logs() as log:
        async with client(service(item)) as anybody:
            await anybody.get("/items/a")

    (line,) = access_lines(log)
    duration = line.pop("duration_ms")
    assert line == {
        "event": "request",
        "log_level": "info",
        "method": "GET",
        "route": "/items/{name}",
        "status": 200,
        "client_address": "192.0.2.7",
    }
    assert duration >= 0


async def test_nothing_that_the_client_wrote_is_logged_or_counted() -> None:
    metrics = ServiceMetrics("test", "1")
    with capture_logs() as log:
        async with client(service(item, metrics=metrics), Authorization=f"Bearer {CANARY}", Cookie=CANARY) as anybody:
            await anybody.get(f"/items/{CANARY}", params={"password": CANARY})
            await anybody.get(f"/{CANARY}", params={CANARY: CANARY})
            await anybody.request(CANARY.upper(), "/items/a")
            await anybody.post("/items/a", content=CANARY, headers={"X-Forwarded-For": CANARY})
            await anybody.get("/", headers={"Host": CANARY})

    assert len(access_lines(log)) == 5
    assert CANARY.lower() not in (repr(log) + metrics.render().decode()).lower()


async def test_what_no_route_answers_is_one_route() -> None:
    with capture_logs() as log:
        async with client(service(item)) as anybody:
            await anybody.get("/a")
            await anybody.get("/b")
            await anybody.request("BREW", "/items/a")

    assert {line["route"] for line in access_lines(log)} == {"unknown"}
    assert {line["method"] for line in access_lines(log)} == {"GET", "OTHER"}


async def test_a_bug_is_logged_as_the_500_that_it_was() -> None:
    with capture_logs() as log:
        async with client(service(bug)) as anybody:
            await anybody.get("/bug")

    assert [line["status"] for line in access_lines(log)] == [500]


async def test_probes_are_quiet_while_they_succeed() -> None:
    with capture_logs() as log:
        async with client(service(*health_handlers({}))) as probe:
            await probe.get("/health/live")
            await probe.get("/health/ready")

    assert {line["log_level"] for line in access_lines(log)} == {"debug"}


# --- the lines --------------------------------------------------------------------------------------------------------


@pytest.fixture
def output() -> Iterator[io.BytesIO]:
    """Configure logging into memory and put everything back afterwards."""
    root = logging.getLogger()
    before = (root.handlers[:], root.level, structlog.get_config())
    stream = io.BytesIO()
    configure_logging("INFO", stream)
    yield stream
    root.handlers[:], level, config = before
    root.setLevel(level)
    for name in LOGGED_FROM_LEVEL:
        logging.getLogger(name).setLevel(logging.NOTSET)
    structlog.configure(**config)


def lines(output: io.BytesIO) -> list[dict[str, Any]]:
    return [json.loads(line) for line in output.getvalue().splitlines()]


def test_every_line_is_one_json_object_with_the_request_id(output: io.BytesIO) -> None:
    with answering("r-1"):
        structlog.get_logger().info("hello\nworld", number=1)

    (line,) = lines(output)
    assert line.pop("timestamp").endswith("Z")
    assert line == {"event": "hello\nworld", "number": 1, "level": "info", "request_id": "r-1"}


def test_lines_below_the_level_are_left_out(output: io.BytesIO) -> None:
    structlog.get_logger().debug("detail")

    assert lines(output) == []


def test_a_traceback_shows_code_and_no_local_variables(output: io.BytesIO) -> None:
    password = CANARY
    try:
        raise ValueError(len(password))
    except ValueError:
        structlog.get_logger().exception("internal_error")

    (line,) = lines(output)
    assert "Traceback" in line["exception"]
    assert CANARY not in line["exception"]


@pytest.mark.parametrize("key", ["password", "Authorization", "refresh_token", "Set-Cookie", "client_secret", "cookie"])
def test_keys_that_hold_secrets_arrive_without_them(output: io.BytesIO, key: str) -> None:
    structlog.get_logger().info("careless", **{key: CANARY, "nested": {key: CANARY}})

    assert CANARY not in output.getvalue().decode()


def test_a_secret_under_any_key_shows_nothing(output: io.BytesIO) -> None:
    structlog.get_logger().info("careless", anything=Secret(CANARY), several=[Secret(CANARY)])

    assert CANARY not in output.getvalue().decode()
    assert lines(output)[0]["anything"] == "Secret(…)"


def test_the_code_of_a_refusal_is_no_secret() -> None:
    assert redact_secrets(None, "info", {"code": "invalid_token", "reason": "expired"}) == {
        "code": "invalid_token",
        "reason": "expired",
    }


def test_libraries_are_written_in_the_same_form_and_their_info_is_left_out(output: io.BytesIO) -> None:
    logging.getLogger("httpx").info("HTTP Request: GET https://idp.example/?code=%s", CANARY)
    logging.getLogger("httpx").warning("slow")

    (line,) = lines(output)
    assert (line["event"], line["logger"], line["level"]) == ("slow", "httpx", "warning")


def test_what_our_own_adapters_say_is_written_from_the_process_level_on(output: io.BytesIO) -> None:
    """They log through the standard library: a token that was renewed is news, another library's is not."""
    logging.getLogger("paseport_shared.adapters.vault.token_keeper").info("renewed the Vault token")
    logging.getLogger("paseport.key_set").warning("key document not refreshed")
    logging.getLogger("paseport_shared.adapters.vault.access").debug("detail")

    assert [line["event"] for line in lines(output)] == ["renewed the Vault token", "key document not refreshed"]


def test_a_process_says_in_each_line_which_service_it_is(output: io.BytesIO) -> None:
    """Where several write to one place."""
    configure_logging("INFO", output, service="issuer")

    structlog.get_logger().info("ours")
    logging.getLogger("httpx").warning("a library's")

    assert [(line["event"], line["service"]) for line in lines(output)] == [
        ("ours", "issuer"),
        ("a library's", "issuer"),
    ]


def test_the_servers_own_lines_are_written_too(output: io.BytesIO) -> None:
    logging.getLogger("uvicorn.error").info("Started")

    assert [line["event"] for line in lines(output)] == ["Started"]


# --- the metrics ------------------------------------------------------------------------------------------------------


async def test_operators_see_requests_by_method_route_and_class_of_status() -> None:
    metrics = ServiceMetrics("test", "1.2.3")
    app = service(item, bug, metrics_handler(metrics), metrics=metrics)

    async with client(app) as anybody:
        await anybody.get("/items/a")
        await anybody.get("/items/b")
        await anybody.get("/bug")
        answer = await anybody.get("/metrics")

    assert answer.headers["content-type"].startswith("text/plain; version=")
    assert 'paseport_http_requests_total{method="GET",route="/items/{name}",status="2xx"} 2.0' in answer.text
    assert 'paseport_http_requests_total{method="GET",route="/bug",status="5xx"} 1.0' in answer.text
    assert 'paseport_http_request_duration_seconds_count{method="GET",route="/items/{name}"} 2.0' in answer.text


async def test_the_dashboard_reads_what_is_published() -> None:
    metrics = ServiceMetrics("test", "1.2.3")
    metrics.watch_pool("password_hashing", Pool("password_hashing", in_use=1, capacity=2, waiting=3))
    async with client(service(item, bug, metrics=metrics)) as anybody:
        await anybody.get("/items/a")
        await anybody.get("/bug")

    counters = read_counters(metrics.render())

    assert (counters.version, counters.requests, counters.errors) == ("1.2.3", 2, 1)
    assert counters.pools == (Pool("password_hashing", in_use=1, capacity=2, waiting=3),)


def test_an_outcome_is_there_before_it_happens_and_no_other_can_be_counted() -> None:
    """An alert on a rate misses the first one of a series that begins with it."""
    metrics = IssuerMetrics("1")
    page = metrics.render().decode()

    for outcome in (
        "rotate",
        "recover",
        "replay",
        "late",
        "reuse",
        "gone",
        "unknown",
        "refused",
        "unavailable",
        "overloaded",
    ):
        assert f'paseport_refresh_total{{outcome="{outcome}"}} 0.0' in page
    with pytest.raises(KeyError):
        metrics.logins.note(CANARY)


def test_an_error_counts_as_the_most_special_thing_that_it_is() -> None:
    metrics = IssuerMetrics("1")

    assert metrics.logins.outcome_of(Overloaded()) == "overloaded"
    assert metrics.logins.outcome_of(RecordedNotInForce()) == "unavailable"
    assert metrics.logins.outcome_of(InvalidGrant()) == "error"
    assert metrics.refreshes.outcome_of(InvalidGrant("", GrantRefusal.LATE)) == "late"


async def test_two_services_in_one_process_count_apart() -> None:
    first, second = ServiceMetrics("first", "1"), ServiceMetrics("second", "1")
    async with client(service(item, metrics=first)) as anybody:
        await anybody.get("/items/a")

    assert read_counters(first.render()).requests == 1
    assert read_counters(second.render()).requests == 0
