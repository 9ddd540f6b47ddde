"""What verifiers read from a fake issuer, byte by byte: the protocol of the issuer itself."""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Iterator
from typing import Any
from uuid import uuid4

import httpx
import pytest
from paseport.grammar import parse_token
from paseport.key_set import parse_key_document
from paseport_testkit.fake_issuer import FakeIssuer

FEED = "/verifiers/v1/feed"
PRINCIPALS = "/verifiers/v1/principals"


@pytest.fixture
def issuer() -> Iterator[FakeIssuer]:
    with FakeIssuer(page_size=2) as started:
        yield started


@pytest.fixture
def verifier(issuer: FakeIssuer) -> Iterator[httpx.Client]:
    """A registered verifier, as HTTP sees it."""
    credential = httpx.BasicAuth(issuer.client_id, issuer.client_secret)
    with httpx.Client(base_url=issuer.url, auth=credential) as client:
        yield client


def read(verifier: httpx.Client, **query: Any) -> dict[str, Any]:
    response = verifier.get(FEED, params=query)
    assert response.status_code == 200
    page: dict[str, Any] = response.json()
    return page


def read_everything(verifier: httpx.Client) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """Read all pages; return the last one and the items of all."""
    page = read(verifier)
    items = list(page["changes"])
    while page["next"] is not None:
        page = read(verifier, page=page["next"])
        items += page["changes"]
    return page, items


def test_the_key_document_has_the_key_that_a_token_names(issuer: FakeIssuer) -> None:
    document = httpx.get(f"{issuer.url}/.well-known/paserk.json")

    keys = parse_key_document(document.content)

    assert parse_token(issuer.mint_token()).kid in keys
    assert document.headers["Cache-Control"] == "max-age=1"


@pytest.mark.parametrize("credential", [None, ("somebody", "else"), ("", "")], ids=["none", "wrong", "empty"])
def test_only_the_registered_verifier_is_answered(issuer: FakeIssuer, credential: tuple[str, str] | None) -> None:
    with httpx.Client(base_url=issuer.url, auth=credential) as stranger:
        answers = [stranger.get(FEED), stranger.post(PRINCIPALS, json={"subject": str(uuid4())})]

    for answer in answers:
        assert answer.status_code == 401
        assert answer.headers["WWW-Authenticate"].startswith("Basic ")
        assert answer.headers["Content-Type"] == "application/problem+json"


def test_everything_in_force_is_told_in_pages_and_nothing_twice(issuer: FakeIssuer, verifier: httpx.Client) -> None:
    for number in range(4):
        issuer.revoke(jti=f"token-{number}")

    last, items = read_everything(verifier)

    told = [item["subject"] for item in items if item["kind"] == "jti"]
    assert [subject for subject in told if subject.startswith("token-")] == [f"token-{number}" for number in range(4)]
    assert len(told) == len(set(told))
    assert last["reset"] is True
    assert {item["seq"] for item in items} == {None}


def test_what_is_revoked_between_two_pages_follows_as_a_change(issuer: FakeIssuer, verifier: httpx.Client) -> None:
    issuer.revoke(jti="before")
    first = read(verifier)
    issuer.revoke(jti="meanwhile")
    rest = read(verifier, page=first["next"])

    changes = read(verifier, epoch=first["epoch"], seq=rest["seq"])

    assert "meanwhile" not in [item["subject"] for item in (*first["changes"], *rest["changes"])]
    assert [item["subject"] for item in changes["changes"]] == ["meanwhile"]


def test_changes_carry_their_place_and_lead_to_the_next_position(issuer: FakeIssuer, verifier: httpx.Client) -> None:
    position, _ = read_everything(verifier)
    token = issuer.mint_token()
    claims = issuer.claims(token)
    issuer.revoke(session=token)
    issuer.revoke(family=token)
    issuer.set_roles(claims.subject, ["Admin"])

    first = read(verifier, epoch=position["epoch"], seq=position["seq"])
    second = read(verifier, epoch=first["epoch"], seq=first["seq"])
    nothing = read(verifier, epoch=second["epoch"], seq=second["seq"])

    assert [(item["kind"], item["subject"]) for item in first["changes"]] == [
        ("session", claims.session_id),
        ("family", claims.family_id),
    ]
    assert [item["seq"] for item in first["changes"]] == [position["seq"] + 1, position["seq"] + 2]
    assert second["changes"] == [
        {"kind": "subject", "subject": claims.subject, "revision": 2, "seq": position["seq"] + 3}
    ]
    assert nothing["changes"] == []
    assert nothing["reset"] is False


def test_a_reader_that_waits_is_answered_by_the_change_it_waits_for(issuer: FakeIssuer, verifier: httpx.Client) -> None:
    position, _ = read_everything(verifier)
    answers: list[dict[str, Any]] = []

    def wait_for_it() -> None:
        answers.append(read(verifier, epoch=position["epoch"], seq=position["seq"], wait=1))
        answers.append(read(verifier, epoch=position["epoch"], seq=answers[0]["seq"]))

    reader = threading.Thread(target=wait_for_it)
    reader.start()
    issuer.revoke(jti="awaited")
    reader.join()

    assert [item["subject"] for item in answers[0]["changes"]] == ["awaited"]


@pytest.mark.parametrize(
    ("epochs_ahead", "changes_ahead"), [(1_000, 0), (0, 1_000)], ids=["another epoch", "a place that is not yet"]
)
def test_a_position_that_cannot_be_followed_gets_everything(
    verifier: httpx.Client, epochs_ahead: int, changes_ahead: int
) -> None:
    position, _ = read_everything(verifier)

    page = read(verifier, epoch=position["epoch"] + epochs_ahead, seq=position["seq"] + changes_ahead)

    assert page["reset"] is True


def test_every_position_is_lost_with_a_new_epoch(issuer: FakeIssuer, verifier: httpx.Client) -> None:
    position, _ = read_everything(verifier)
    following = threading.Thread(target=lambda: read_everything_and_return_once(verifier, position))
    following.start()
    issuer.start_new_epoch()
    following.join()

    page = read(verifier, epoch=position["epoch"], seq=position["seq"])

    assert page["reset"] is True
    assert page["epoch"] != position["epoch"]


def read_everything_and_return_once(verifier: httpx.Client, position: dict[str, Any]) -> None:
    """Follow until the position is lost, then read everything and come back, as a verifier does."""
    page = position
    while True:
        page = read(verifier, epoch=page["epoch"], seq=page["seq"], wait=1)
        if page["reset"]:
            last, _ = read_everything(verifier)
            read(verifier, epoch=last["epoch"], seq=last["seq"])
            return


@pytest.mark.parametrize(
    "query",
    [{"epoch": "x", "seq": "1"}, {"epoch": "1", "seq": "-1"}, {"epoch": "1", "seq": "1", "wait": "60"}],
    ids=["no number", "negative", "too long a wait"],
)
def test_a_malformed_question_is_refused(verifier: httpx.Client, query: dict[str, str]) -> None:
    response = verifier.get(FEED, params=query)

    assert response.status_code == 400
    assert response.json()["code"] == "invalid_request"


def test_the_state_of_a_user_is_told(issuer: FakeIssuer, verifier: httpx.Client) -> None:
    user = issuer.add_user(roles=("User", "Auditor"), username="ada")

    response = verifier.post(PRINCIPALS, json={"subject": str(user.user_id)})

    assert response.json() == {
        "subject": str(user.user_id),
        "username": "ada",
        "roles": ["Auditor", "User"],
        "enabled": True,
        "version": 1,
        "revision": 1,
    }


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b'{"subject":"019a7e7e-0000-7000-8000-000000000000"}', 404),
        (b'{"subject":"nobody"}', 400),
        (b'["subject"]', 400),
        (b"{", 400),
    ],
    ids=["unknown", "no UUID", "no object", "no JSON"],
)
def test_there_is_no_state_of_somebody_else(verifier: httpx.Client, body: bytes, status: int) -> None:
    assert verifier.post(PRINCIPALS, content=body).status_code == status


def test_there_is_nothing_else(verifier: httpx.Client) -> None:
    assert verifier.get("/oauth2/token").status_code == 404


def test_an_issuer_that_is_away_hangs_up_and_comes_back(issuer: FakeIssuer, verifier: httpx.Client) -> None:
    with issuer.outage(), pytest.raises(httpx.TransportError):
        verifier.get("/.well-known/paserk.json")

    assert verifier.get("/.well-known/paserk.json").status_code == 200


def test_a_silent_feed_answers_nobody_while_all_else_works(issuer: FakeIssuer, verifier: httpx.Client) -> None:
    position, _ = read_everything(verifier)
    user = issuer.add_user()

    with issuer.outage("feed"):
        with pytest.raises(httpx.ReadTimeout):
            verifier.get(FEED, params={"epoch": position["epoch"], "seq": position["seq"]}, timeout=0.2)
        with pytest.raises(httpx.ReadTimeout):
            verifier.get(FEED, timeout=0.2)
        assert verifier.post(PRINCIPALS, json={"subject": str(user.user_id)}).status_code == 200
        issuer.revoke(jti="while it was silent")

    changes = read(verifier, epoch=position["epoch"], seq=position["seq"])
    assert [item["subject"] for item in changes["changes"]] == ["while it was silent"]


def test_two_requests_in_one_packet_are_answered_in_order(issuer: FakeIssuer) -> None:
    host, port = issuer.url.removeprefix("http://").split(":")
    one = b"GET /.well-known/paserk.json HTTP/1.1\r\nHost: x\r\n\r\n"
    other = b"GET /nothing HTTP/1.1\r\nHost: x\r\n\r\n"

    with socket.create_connection((host, int(port)), timeout=10) as connection:
        connection.sendall(one + other)
        received = b""
        while b"404" not in received:
            received += connection.recv(65536)

    assert received.startswith(b"HTTP/1.1 200 ")


@pytest.mark.parametrize("sent", [b"nonsense\r\n\r\n", b"x" * 100_000], ids=["no HTTP", "too much"])
def test_whoever_speaks_no_http_is_hung_up_on(issuer: FakeIssuer, sent: bytes) -> None:
    host, port = issuer.url.removeprefix("http://").split(":")

    with socket.create_connection((host, int(port)), timeout=10) as connection:
        with contextlib.suppress(ConnectionError):
            connection.sendall(sent)
        try:
            answer = connection.recv(1)
        except ConnectionError:
            answer = b""

    assert answer == b""
