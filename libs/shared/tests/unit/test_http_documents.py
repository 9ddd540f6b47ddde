"""Documents that everybody may read, answered in front of the framework (TE-24)."""

from datetime import timedelta

import msgspec
import pytest
from http_support import client, problem, service
from litestar import get
from paseport_shared.domain.errors import Unavailable
from paseport_shared.http.documents import PublicDocument
from structlog.testing import capture_logs

PATH = "/.well-known/shown.json"


class Shown(msgspec.Struct, frozen=True):
    """What the document says."""

    value: int


async def render() -> bytes:
    return b'{"value":1}'


async def away() -> bytes:
    raise Unavailable("never read")


DOCUMENT = PublicDocument("shown", "Return a value. It is always the same.", Shown, render, timedelta(seconds=7))
AWAY = PublicDocument("away", "Return nothing.", Shown, away, timedelta(seconds=7))


@get("/other")
async def other() -> str:
    return "other"


async def test_a_document_is_served_with_what_every_answer_has() -> None:
    async with client(service(other, documents={PATH: DOCUMENT})) as anybody:
        answer = await anybody.get(PATH)
        elsewhere = await anybody.get("/other")

    assert (answer.status_code, answer.content) == (200, b'{"value":1}')
    assert answer.headers["content-type"] == "application/json"
    assert answer.headers.get_list("cache-control") == ["public, max-age=7"]
    assert answer.headers["x-request-id"]
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert elsewhere.text == "other"


@pytest.mark.parametrize("path", [f"{PATH}/", f"/x{PATH}", PATH.upper(), "/.well-known/"])
async def test_a_path_is_compared_whole(path: str) -> None:
    async with client(service(other, documents={PATH: DOCUMENT})) as anybody:
        assert (await anybody.get(path)).status_code == 404


async def test_a_document_is_read_and_nothing_else() -> None:
    async with client(service(other, documents={PATH: DOCUMENT})) as anybody:
        head = await anybody.head(PATH)
        posted = await anybody.post(PATH)

    assert (head.status_code, head.content, head.headers["content-length"]) == (200, b"", "11")
    assert problem(posted)["code"] == "method_not_allowed"


async def test_a_document_that_nobody_has_is_unavailable() -> None:
    async with client(service(other, documents={PATH: AWAY})) as anybody:
        assert problem(await anybody.get(PATH))["code"] == "unavailable"


async def test_reading_a_document_is_counted_and_not_logged_unless_it_fails() -> None:
    with capture_logs() as log:
        async with client(service(other, documents={PATH: DOCUMENT, "/away": AWAY})) as anybody:
            await anybody.get(PATH)
            await anybody.get("/away")

    lines = [(line["route"], line["log_level"]) for line in log if line["event"] == "request"]
    assert lines == [(PATH, "debug"), ("/away", "info")]


async def test_a_foreign_host_gets_no_document() -> None:
    """AZ-25."""
    async with client(service(other, documents={PATH: DOCUMENT}), Host="evil.example") as anybody:
        assert (await anybody.get(PATH)).status_code == 400
