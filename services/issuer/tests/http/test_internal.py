"""The internal port: the api, the command line, and programs on the same network that are neither."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import Any

import httpx
import pytest
from issuer_http import HttpWorld, problem, running_issuer, sign_in
from issuer_world import PASSWORD, issuer_settings
from paseport_issuer.use_cases.ensure_accounts import CLI_ACCOUNT_ID
from paseport_shared.domain.errors import RecordedNotInForce

SERVICE = "service-secret-of-at-least-32-characters"
CLI = "cli-secret-of-at-least-32-characters-long"
UNKNOWN = "01890a5d-ac96-774b-bcce-b302099a8057"


async def every_route(client: httpx.AsyncClient) -> dict[str, httpx.Response]:
    """Ask each guarded route once."""
    return {
        "principals": await client.post("/internal/v1/principals", json={"subject": UNKNOWN}),
        "feed": await client.get("/internal/v1/feed"),
        "cli-token": await client.post("/internal/v1/cli-token"),
    }


async def test_without_a_credential_every_route_asks_for_one(http: HttpWorld) -> None:
    """AD-01, AD-05: the network is no credential."""
    async with http.inside(None) as neighbour:
        for answer in (await every_route(neighbour)).values():
            assert answer.status_code == 401
            assert answer.headers["www-authenticate"] == 'Bearer realm="paseport"'


async def test_no_other_credential_opens_a_route(http: HttpWorld) -> None:
    """AD-05: the secrets are not interchangeable, and an administrator's token is no service credential."""
    await http.world.add_user("root", roles=("Admin",))
    token = await http.token("root")
    opened: dict[str, set[str]] = {}
    for secret in (SERVICE, CLI, SERVICE[:-1], f"{SERVICE}x", SERVICE.upper(), token):
        async with http.inside(secret) as client:
            answers = await every_route(client)
        refused = {name for name, answer in answers.items() if answer.status_code == 401}
        assert len({str(problem(answers[name])) for name in refused}) <= 1
        opened[secret] = set(answers) - refused

    assert {secret: names for secret, names in opened.items() if names} == {
        SERVICE: {"principals", "feed"},
        CLI: {"cli-token"},
    }


async def test_an_installation_without_a_cli_secret_mints_for_nobody(tmp_path: Any) -> None:
    """AD-05: production has no such secret, and none is not a secret that can be guessed."""
    async with running_issuer(tmp_path, issuer_settings(cli_secret=None)) as http:
        for secret in ("None", "null", SERVICE, CLI):
            async with http.inside(secret) as client:
                assert (await client.post("/internal/v1/cli-token")).status_code == 401


async def test_the_public_port_knows_nothing_of_the_internal_routes(http: HttpWorld) -> None:
    """AD-05, LG-21: neither the endpoints nor the metrics."""
    async with http.bearer(SERVICE) as outside:
        for path in ("/internal/v1/feed", "/metrics"):
            assert (await outside.get(path)).status_code == 404
        for path in ("/internal/v1/principals", "/internal/v1/cli-token"):
            assert (await outside.post(path)).status_code == 404


async def test_the_api_learns_roles_and_state_of_a_subject(http: HttpWorld) -> None:
    """AD-06: straight from the record."""
    user = await http.world.add_user("alice", roles=("User", "Editor"))
    async with http.inside(SERVICE) as api:
        found = await api.post("/internal/v1/principals", json={"subject": str(user.id)})
        absent = await api.post("/internal/v1/principals", json={"subject": UNKNOWN})

    assert found.status_code == 200
    assert found.json() == {
        "subject": str(user.id), "username": "alice", "roles": ["Editor", "User"], "enabled": True, "version": 1,
        "revision": 1, "email": "", "name": "",
    }  # fmt: skip
    assert found.headers["cache-control"] == "no-store"
    assert (absent.status_code, problem(absent)["code"]) == (404, "not_found")


async def test_the_api_learns_an_address_that_is_known_to_be_the_subject_s_and_a_name(http: HttpWorld) -> None:
    """Services behind a proxy take the address for who somebody is: one that nobody vouches for is none."""
    await http.world.vouch_for(user := await http.world.add_user("alice"), "Alice")
    async with http.inside(SERVICE) as api:
        found = (await api.post("/internal/v1/principals", json={"subject": str(user.id)})).json()

    assert (found["email"], found["name"]) == ("alice@example.com", "Alice")


@pytest.mark.parametrize("body", [b"", b"{}", b'{"subject":"alice"}', b'{"subject":1}', b'{"subject":null,"x":1}'])
async def test_a_malformed_question_is_refused(http: HttpWorld, body: bytes) -> None:
    async with http.inside(SERVICE) as api:
        answer = await api.post("/internal/v1/principals", content=body)

    assert (answer.status_code, problem(answer)["code"]) == (400, "invalid_request")


async def test_a_subject_is_unknown_only_where_the_record_says_so(http: HttpWorld) -> None:
    """Design §5: an outage is never an answer."""
    async with http.inside(SERVICE) as api:
        with http.world.outages.mariadb:
            answer = await api.post("/internal/v1/principals", json={"subject": UNKNOWN})

    assert (answer.status_code, problem(answer)["code"]) == (503, "unavailable")
    assert int(answer.headers["retry-after"]) >= 1


async def test_a_reader_starts_with_everything_and_goes_on_with_what_follows(http: HttpWorld) -> None:
    """TK-22, TK-23."""
    user = await http.world.add_user()
    first, second = await http.world.sign_in(), await http.world.sign_in()
    await http.world.sign_out(first)
    await http.world.follow()
    async with http.inside(SERVICE) as api:
        snapshot = (await api.get("/internal/v1/feed")).json()
        position = {"epoch": snapshot["epoch"], "seq": snapshot["seq"]}
        nothing = (await api.get("/internal/v1/feed", params=position)).json()
        await http.world.sign_out(second, everywhere=True)
        await http.world.follow()
        increments = (await api.get("/internal/v1/feed", params=position)).json()
        again = (await api.get("/internal/v1/feed", params=position)).json()

    assert snapshot["reset"] is True
    assert [(item["kind"], item["seq"]) for item in snapshot["changes"]] == [("session", None)]
    assert nothing == {**position, "reset": False, "changes": [], "next": None}
    assert increments["reset"] is False
    assert [item["seq"] for item in increments["changes"]] == list(range(snapshot["seq"] + 1, increments["seq"] + 1))
    assert increments["changes"][0].keys() == {
        "kind", "subject", "min_version", "recorded_at", "expires_at", "revision", "seq",
    }  # fmt: skip
    assert again == increments
    assert str(user.id) not in str(snapshot)


@pytest.mark.parametrize("position", [{"epoch": 0, "seq": 0}, {"epoch": 1, "seq": 10_000}, {"epoch": 2, "seq": 0}])
async def test_a_reader_that_cannot_follow_is_told_to_start_again(http: HttpWorld, position: dict[str, int]) -> None:
    """FT-04: another epoch, or a position that never was."""
    await http.world.add_user()
    await http.world.sign_out(await http.world.sign_in())
    async with http.inside(SERVICE) as api:
        answer = (await api.get("/internal/v1/feed", params=position)).json()

    assert answer["reset"] is True
    assert len(answer["changes"]) == 1


async def test_a_waiting_reader_hears_of_a_revocation_at_once(http: HttpWorld) -> None:
    """TK-22: the long poll."""
    await http.world.add_user()
    issued = await http.world.sign_in()
    async with http.inside(SERVICE) as api:
        start = (await api.get("/internal/v1/feed")).json()
        position = {"epoch": start["epoch"], "seq": start["seq"], "wait": 1}
        signing_out = asyncio.create_task(http.world.sign_out(issued))
        async with asyncio.timeout(0.9):
            answer = (await api.get("/internal/v1/feed", params=position)).json()
            while not answer["changes"]:  # a heartbeat came first
                answer = (await api.get("/internal/v1/feed", params=position)).json()
        await signing_out

    assert [item["kind"] for item in answer["changes"]] == ["session"]


@pytest.mark.parametrize(
    "query",
    [
        {"epoch": "x", "seq": "0"}, {"epoch": "-1", "seq": "0"}, {"epoch": "0", "seq": str(2**63)}, {"wait": "2"},
        {"wait": "-1"}, {"wait": "nan"}, {"wait": "inf"}, {"epoch": "1", "seq": "9" * 5_000},
    ],
)  # fmt: skip
async def test_a_made_up_position_or_wait_is_refused(http: HttpWorld, query: dict[str, str]) -> None:
    """AD-16."""
    async with http.inside(SERVICE) as api:
        answer = await api.get("/internal/v1/feed", params=query)

    assert answer.status_code == 422
    assert problem(answer)["code"] == "validation_failed"


async def test_without_redis_the_feed_comes_from_the_record(http: HttpWorld) -> None:
    """FT-08: an api that is cut off hears of what administrators revoke."""
    user = await http.world.add_user()
    await http.world.sign_out(await http.world.sign_in())
    async with http.inside(SERVICE) as api:
        with http.world.outages.redis:
            start = (await api.get("/internal/v1/feed")).json()
            with pytest.raises(RecordedNotInForce):
                await http.world.disable(user)
            await http.world.follow()
            answer = (await api.get("/internal/v1/feed", params={"epoch": start["epoch"], "seq": start["seq"]})).json()

    assert [item["kind"] for item in start["changes"]] == ["session"]
    assert [(item["kind"], item["subject"]) for item in answer["changes"]] == [
        ("subject", None),  # the record does not say who changed: everybody's copies are old
        ("user", str(user.id)),
    ]


async def test_without_redis_and_record_the_feed_says_so(http: HttpWorld) -> None:
    """FT-08: silence must never look like "nothing was revoked"."""
    async with http.inside(SERVICE) as api:
        with http.world.outages.redis, http.world.outages.mariadb:
            http.world.clock.advance(timedelta(seconds=2))
            answer = await api.get("/internal/v1/feed")

    assert answer.status_code == 503


async def test_the_command_line_gets_an_administrators_token_for_a_minute_and_it_is_audited(http: HttpWorld) -> None:
    """AD-13, TE-20."""
    await http.world.use.ensure_accounts(email="admin@example.com", password=PASSWORD, with_cli=True)
    await http.world.use.load_read_models()
    async with http.inside(CLI) as command_line:
        answer = await command_line.post("/internal/v1/cli-token")

    assert answer.status_code == 200
    assert answer.headers["cache-control"] == "no-store"
    assert "set-cookie" not in answer.headers
    assert answer.json()["expires_in"] == 60
    claims = await http.world.claims(answer.json()["access_token"])
    assert claims.expires_at - claims.issued_at == timedelta(seconds=60)
    assert (claims.subject, claims.client_id, claims.amr) == (str(CLI_ACCOUNT_ID), "cli", ("cli",))
    async with http.bearer(answer.json()["access_token"]) as manager:
        assert (await manager.get("/users/v1")).status_code == 200
        http.world.clock.advance(timedelta(seconds=60))
        assert (await manager.get("/users/v1")).status_code == 401
    (event,) = [event for event in await http.world.audited() if event.action == "cli.token_minted"]
    assert (event.actor.subject, event.actor.client_id, event.actor.address) == (
        str(CLI_ACCOUNT_ID), "cli", "127.0.0.1",
    )  # fmt: skip
    assert event.actor.request_id == answer.headers["x-request-id"]
    assert answer.json()["access_token"] not in repr(event)


async def test_a_token_that_cannot_be_audited_is_not_minted(http: HttpWorld) -> None:
    """AD-13."""
    await http.world.use.ensure_accounts(email="admin@example.com", password=PASSWORD, with_cli=True)
    async with http.inside(CLI) as command_line:
        with http.world.outages.mariadb:
            answer = await command_line.post("/internal/v1/cli-token")

    assert answer.status_code == 503
    assert "access_token" not in answer.text


async def test_the_account_of_the_command_line_cannot_sign_in(http: HttpWorld) -> None:
    """LG-02: it has no password, and gets none."""
    await http.world.use.ensure_accounts(email="admin@example.com", password=PASSWORD, with_cli=True)
    async with http.browser() as browser:
        for login in ("cli", "cli@paseport.invalid"):
            assert (await sign_in(browser, login)).status_code == 401


async def test_operators_read_the_metrics_without_a_label_that_a_client_chose(http: HttpWorld) -> None:
    """LG-21."""
    async with http.bearer("a-secret-in-the-header") as client:
        await client.get("/users/v1/a-secret-in-the-path", params={"q": "a-secret-in-the-query"})
        await client.request("SECRET", "/health/live")
    async with http.inside(None) as operator:
        answer = await operator.get("/metrics")

    assert answer.status_code == 200
    assert answer.headers["content-type"].startswith("text/plain")
    assert "paseport_http_requests_total" in answer.text
    assert "secret" not in answer.text.lower()
