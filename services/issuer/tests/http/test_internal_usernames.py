"""The api asks whose user name something is, for an administrator who explains a rule."""

from __future__ import annotations

import pytest
from issuer_http import HttpWorld, problem

PATH = "/internal/v1/usernames"
SERVICE = "service-secret-of-at-least-32-characters"
CLI = "cli-secret-of-at-least-32-characters-long"


async def test_the_api_learns_who_has_a_name(http: HttpWorld) -> None:
    user = await http.world.add_user("alice", roles=("User", "Editor"))
    async with http.inside(SERVICE) as api:
        found = [await api.post(PATH, json={"username": name}) for name in ("alice", "ALICE", user.email)]
        absent = await api.post(PATH, json={"username": "nobody"})

    for answer in found:
        assert answer.status_code == 200
        said = answer.json()
        assert (said["subject"], said["username"], said["roles"], said["enabled"]) == (
            str(user.id), "alice", ["Editor", "User"], True,
        )  # fmt: skip
        assert answer.headers["cache-control"] == "no-store"
    assert (absent.status_code, problem(absent)["code"]) == (404, "not_found")


@pytest.mark.parametrize(
    "body", [b"", b"{}", b'{"username":1}', b'{"username":"a","x":1}', b'{"username":"' + b"a" * 400 + b'"}']
)
async def test_a_malformed_question_is_refused(http: HttpWorld, body: bytes) -> None:
    async with http.inside(SERVICE) as api:
        answer = await api.post(PATH, content=body)

    assert (answer.status_code, problem(answer)["code"]) == (400, "invalid_request")


async def test_a_name_is_unknown_only_where_the_record_says_so(http: HttpWorld) -> None:
    """Design §5: an outage is never an answer."""
    async with http.inside(SERVICE) as api:
        with http.world.outages.mariadb:
            answer = await api.post(PATH, json={"username": "alice"})

    assert (answer.status_code, problem(answer)["code"]) == (503, "unavailable")


async def test_nobody_but_the_api_may_ask(http: HttpWorld) -> None:
    """AD-05: who may ask learns which users exist."""
    for secret in (CLI, "", "x"):
        async with http.inside(secret) as client:
            assert (await client.post(PATH, json={"username": "alice"})).status_code == 401
    async with http.bearer(SERVICE) as outside:
        assert (await outside.post(PATH, json={"username": "alice"})).status_code == 404
