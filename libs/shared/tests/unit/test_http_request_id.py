"""Every answer carries an id that was made here."""

from itertools import pairwise
from typing import Any
from uuid import RFC_4122, UUID

import pytest
from http_support import client, service
from litestar import Request, get
from paseport_shared.http.request_id import new_request_id, request_id
from paseport_shared.request_context import current_request_id

CLIENTS_OWN = "00000000-0000-0000-0000-000000000000"
OURS = "01a215ab-6560-7c03-88fd-030b3dd53bce"


@get("/")
async def show(request: Request[Any, Any, Any]) -> dict[str, str]:
    return {"scope": request_id(request.scope), "log": current_request_id() or ""}


@get("/bug")
async def bug() -> None:
    raise ValueError("bug")


def test_ids_are_different_and_in_order_however_many_are_made_at_once() -> None:
    ids = [UUID(new_request_id()) for _ in range(20_000)]

    assert {(each.version, each.variant) for each in ids} == {(7, RFC_4122)}
    assert all(earlier < later for earlier, later in pairwise(ids))


@pytest.mark.parametrize("path", ["/", "/bug", "/unknown"])
async def test_every_answer_carries_a_uuid_of_version_7(path: str) -> None:
    async with client(service(show, bug)) as anybody:
        answer = await anybody.get(path)

    assert UUID(answer.headers["x-request-id"]).version == 7


async def test_the_id_is_the_same_in_the_answer_in_the_scope_and_in_the_log() -> None:
    async with client(service(show)) as anybody:
        answer = await anybody.get("/")

    assert set(answer.json().values()) == {answer.headers["x-request-id"]}


async def test_an_id_that_the_client_sends_is_ignored() -> None:
    async with client(service(show)) as anybody:
        answer = await anybody.get("/", headers={"X-Request-Id": CLIENTS_OWN})

    assert CLIENTS_OWN not in answer.text + repr(answer.headers)


async def test_two_requests_have_two_ids_and_leave_none_behind() -> None:
    async with client(service(show)) as anybody:
        first, second = await anybody.get("/"), await anybody.get("/")

    assert first.headers["x-request-id"] != second.headers["x-request-id"]
    assert current_request_id() is None


# --- between our own services ---------------------------------------------------------------------------------------


async def test_an_internal_port_goes_on_under_the_id_of_the_service_that_asks() -> None:
    ours = new_request_id()
    async with client(service(show, is_internal=True)) as api:
        answer = await api.get("/", headers={"X-Request-Id": ours})

    assert answer.headers.get_list("x-request-id") == [ours]
    assert set(answer.json().values()) == {ours}


@pytest.mark.parametrize(
    "sent",
    [
        [],
        [""],
        ["of-somebody"],
        ["x" * 10_000],
        ['"} {"event":"forged'],
        [OURS.upper()],
        [f"{{{OURS}}}"],
        [f"urn:uuid:{OURS}"],
        [OURS, OURS],
        [CLIENTS_OWN],
        ["0037f006-b395-4f46-8b69-94a90c392019"],
    ],
    ids=[
        "none",
        "empty",
        "a word",
        "long",
        "a forged line",
        "capitals",
        "braces",
        "a urn",
        "two",
        "no version",
        "version 4, as secret ids of Vault",
    ],
)
async def test_an_internal_port_takes_nothing_over_that_is_not_one_id(sent: list[str]) -> None:
    """Whatever is sent stands in log lines afterwards."""
    headers = [("X-Request-Id", value) for value in sent]
    async with client(service(show, is_internal=True)) as api:
        answer = await api.get("/", headers=headers)

    assert answer.headers["x-request-id"] not in sent
    assert UUID(answer.headers["x-request-id"]).version == 7
