"""What a test changes at a fake issuer is known to every verifier when the call is over."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Any

import httpx
import pytest
from paseport import InvalidToken, Unavailable
from paseport.claims import Claims
from paseport_testkit.fake_issuer import FakeIssuer, NotHeard, TravelClock

FEED = "/verifiers/v1/feed"
RETRY_SECONDS = 0.05


class Follower:
    """As much of a verifier as follows the feed: what it was told, taken note of before it asks for more."""

    def __init__(self, issuer: FakeIssuer) -> None:
        self._issuer = issuer
        self._revoked: set[tuple[str, str]] = set()
        self._min_versions: dict[str, int] = {}
        self.changed: list[str | None] = []
        self.snapshots = 0
        self.follows = asyncio.Event()

    async def __call__(self) -> None:
        """Follow until cancelled, an outage of the issuer included."""
        credential = httpx.BasicAuth(self._issuer.client_id, self._issuer.client_secret)
        query: dict[str, Any] = {}
        async with httpx.AsyncClient(base_url=self._issuer.url, auth=credential, timeout=1.5) as client:
            while True:
                try:
                    page = (await client.get(FEED, params=query)).raise_for_status().json()
                except httpx.HTTPError:
                    await asyncio.sleep(RETRY_SECONDS)
                    continue
                self._take_note(page)
                query = (
                    {"page": page["next"]} if page["next"] else {"epoch": page["epoch"], "seq": page["seq"], "wait": 1}
                )

    def refuses(self, claims: Claims) -> bool:
        """Say whether something that it heard revokes these claims."""
        named = {
            ("jti", claims.token_id),
            ("session", claims.session_id),
            ("family", claims.family_id),
            ("key", claims.key_id),
        }
        return bool(named & self._revoked) or (claims.user_version or 0) < self._min_versions.get(claims.subject, 0)

    def _take_note(self, page: dict[str, Any]) -> None:
        for item in page["changes"]:
            if item["kind"] == "subject":
                self.changed.append(item["subject"])
            elif item["kind"] == "user":
                self._min_versions[item["subject"]] = item["min_version"]
            else:
                self._revoked.add((item["kind"], item["subject"]))
        if page["reset"] and page["next"] is None:
            self.snapshots += 1
            self.follows.set()


@asynccontextmanager
async def following(issuer: FakeIssuer) -> AsyncIterator[Follower]:
    follower = Follower(issuer)
    task = asyncio.create_task(follower())
    try:
        await follower.follows.wait()
        yield follower
    finally:
        task.cancel()
        await asyncio.wait([task])


WAYS: dict[str, Callable[[FakeIssuer, str, Claims], Awaitable[None]]] = {
    "token": lambda issuer, token, _: issuer.revoke(token),
    "jti": lambda issuer, _, claims: issuer.revoke(jti=claims.token_id),
    "session": lambda issuer, _, claims: issuer.revoke(session=claims.session_id),
    "session of a token": lambda issuer, token, _: issuer.revoke(session=token),
    "family": lambda issuer, _, claims: issuer.revoke(family=claims.family_id),
    "user": lambda issuer, _, claims: issuer.revoke(user=issuer.user(claims.subject)),
    "user of a token": lambda issuer, token, _: issuer.revoke(user=token),
    "key": lambda issuer, _, claims: issuer.revoke(key=claims.key_id),
    "key of a token": lambda issuer, token, _: issuer.revoke(key=token),
    "the key that signs": lambda issuer, _, __: issuer.revoke_key(),
    "disabled user": lambda issuer, _, claims: issuer.disable(claims.subject),
}


@pytest.mark.parametrize("way", WAYS)
async def test_a_revocation_is_known_once_it_was_awaited(paseport_issuer: FakeIssuer, way: str) -> None:
    token = paseport_issuer.mint_token()
    claims = paseport_issuer.claims(token)
    async with following(paseport_issuer) as follower:
        known_before = follower.refuses(claims)

        await WAYS[way](paseport_issuer, token, claims)

        assert not known_before
        assert follower.refuses(claims)


@pytest.mark.parametrize("way", WAYS)
async def test_the_published_verifier_refuses_it_once_it_was_awaited(paseport_issuer: FakeIssuer, way: str) -> None:
    token = paseport_issuer.mint_token()
    claims = paseport_issuer.claims(token)
    async with paseport_issuer.verifier() as verifier:
        assert (await verifier.verify(token)).claims == claims

        await WAYS[way](paseport_issuer, token, claims)

        with pytest.raises(InvalidToken):
            await verifier.verify(token)


async def test_what_is_revoked_says_nothing_of_other_tokens(paseport_issuer: FakeIssuer) -> None:
    user = paseport_issuer.add_user()
    async with following(paseport_issuer) as follower:
        await paseport_issuer.revoke(paseport_issuer.mint_token(user))
        await paseport_issuer.revoke(session=paseport_issuer.mint_token(user))
        await paseport_issuer.revoke(user=user)

        assert not follower.refuses(paseport_issuer.claims(paseport_issuer.mint_token(user)))
        assert not follower.refuses(paseport_issuer.claims(paseport_issuer.mint_token()))


async def test_all_verifiers_know_though_they_share_a_credential(paseport_issuer: FakeIssuer) -> None:
    token = paseport_issuer.mint_token()
    async with (
        following(paseport_issuer) as one,
        following(paseport_issuer) as other,
        following(paseport_issuer) as third,
    ):
        for _ in range(20):
            token = paseport_issuer.mint_token()
            await paseport_issuer.revoke(token)

            claims = paseport_issuer.claims(token)
            assert [follower.refuses(claims) for follower in (one, other, third)] == [True, True, True]


def test_a_test_without_an_event_loop_blocks_until_verifiers_know(paseport_issuer: FakeIssuer) -> None:
    """The verifier runs elsewhere: in a server's thread, behind a test client."""
    token = paseport_issuer.mint_token()
    claims = paseport_issuer.claims(token)
    follows, is_over = threading.Event(), threading.Event()
    followers: list[Follower] = []

    async def serve() -> None:
        async with following(paseport_issuer) as follower:
            followers.append(follower)
            follows.set()
            await asyncio.to_thread(is_over.wait)

    server = threading.Thread(target=asyncio.run, args=(serve(),))
    server.start()
    try:
        assert follows.wait(timeout=10)
        paseport_issuer.revoke(token)
        assert followers[0].refuses(claims)
    finally:
        is_over.set()
        server.join()


@pytest.mark.parametrize("machine", [False, True], ids=["user", "machine"])
async def test_a_token_that_is_born_revoked_is_known_to_verifiers_that_started_before(
    paseport_issuer: FakeIssuer, machine: bool
) -> None:
    async with following(paseport_issuer) as follower:
        token = paseport_issuer.mint_token(machine=machine, revoked=True)

        assert follower.refuses(paseport_issuer.claims(token))
        assert not follower.refuses(paseport_issuer.claims(paseport_issuer.mint_token(machine=machine)))


async def test_a_change_of_roles_is_told_and_the_new_ones_are_answered(paseport_issuer: FakeIssuer) -> None:
    user = paseport_issuer.add_user(roles=("User",))
    async with following(paseport_issuer) as follower:
        await paseport_issuer.set_roles(user, ("User", "Admin"))

        assert follower.changed == [str(user.user_id)]
        assert paseport_issuer.user(user).roles == {"User", "Admin"}
        assert paseport_issuer.user(user).revision == 2
        assert not follower.refuses(paseport_issuer.claims(paseport_issuer.mint_token(user)))


async def test_the_published_verifier_answers_the_new_roles_once_they_were_awaited(paseport_issuer: FakeIssuer) -> None:
    user = paseport_issuer.add_user(roles=("User",))
    token = paseport_issuer.mint_token(user)
    async with paseport_issuer.verifier() as verifier:
        for roles in ({"User", "Admin"}, {"User"}, set[str]()):
            await paseport_issuer.set_roles(user, roles)

            assert (await verifier.verify(token)).roles == roles


async def test_a_disabled_user_is_disabled_where_verifiers_ask(paseport_issuer: FakeIssuer) -> None:
    user = paseport_issuer.add_user()

    await paseport_issuer.disable(user)

    assert not paseport_issuer.user(user).enabled
    assert paseport_issuer.user(user).version == 2


async def test_everybody_may_have_changed(paseport_issuer: FakeIssuer) -> None:
    async with following(paseport_issuer) as follower:
        await paseport_issuer.everybody_changed()

        assert follower.changed == [None]


async def test_verifiers_read_everything_again_after_a_new_epoch(paseport_issuer: FakeIssuer) -> None:
    token = paseport_issuer.mint_token()
    async with following(paseport_issuer) as follower:
        await paseport_issuer.start_new_epoch()
        await paseport_issuer.revoke(token)

        assert follower.snapshots == 2
        assert follower.refuses(paseport_issuer.claims(token))


@pytest.mark.parametrize("of", ["everything", "feed"])
async def test_what_is_revoked_during_an_outage_is_known_after_it(paseport_issuer: FakeIssuer, of: Any) -> None:
    token = paseport_issuer.mint_token()
    claims = paseport_issuer.claims(token)
    async with following(paseport_issuer) as follower:
        with paseport_issuer.outage(of):
            await paseport_issuer.revoke(token)
            known_meanwhile = follower.refuses(claims)
        await paseport_issuer.heard()

        assert not known_meanwhile
        assert follower.refuses(claims)


@pytest.mark.parametrize("of", ["everything", "feed"])
async def test_the_published_verifier_says_after_five_seconds_that_nobody_can_say(
    paseport_issuer: FakeIssuer, paseport_clock: TravelClock, of: Any
) -> None:
    """What the README says of ``outage``, ``elapse`` and ``heard``."""
    token, other = paseport_issuer.mint_token(), paseport_issuer.mint_token()
    async with paseport_issuer.verifier() as verifier:
        assert await verifier.verify(token)
        with paseport_issuer.outage(of):
            await paseport_issuer.revoke(token)
            paseport_clock.elapse(timedelta(seconds=6))
            with pytest.raises(Unavailable):
                await verifier.verify(token)
        await paseport_issuer.heard()

        with pytest.raises(InvalidToken):
            await verifier.verify(token)
        assert await verifier.verify(other)


async def test_a_verifier_that_was_stopped_is_not_waited_for(paseport_issuer: FakeIssuer) -> None:
    async with following(paseport_issuer):
        pass

    async with following(paseport_issuer) as follower:
        token = paseport_issuer.mint_token()
        await paseport_issuer.revoke(token)

        assert follower.refuses(paseport_issuer.claims(token))


def test_a_verifier_that_asks_again_for_what_it_was_told_has_not_heard_it() -> None:
    with FakeIssuer(heard_within=timedelta(seconds=0.2)) as issuer:
        credential = httpx.BasicAuth(issuer.client_id, issuer.client_secret)
        is_over, asks = threading.Event(), threading.Event()

        def ask_again_and_again() -> None:
            with httpx.Client(base_url=issuer.url, auth=credential) as client:
                start = client.get(FEED).json()
                while not is_over.is_set():
                    client.get(FEED, params={"epoch": start["epoch"], "seq": start["seq"]})
                    asks.set()

        deaf = threading.Thread(target=ask_again_and_again)
        deaf.start()
        try:
            assert asks.wait(timeout=10)
            with pytest.raises(NotHeard):
                issuer.revoke(jti="unheard")
        finally:
            is_over.set()
            deaf.join()


async def test_python_warns_where_nobody_awaits_a_revocation(paseport_issuer: FakeIssuer) -> None:
    with pytest.warns(RuntimeWarning, match="never awaited"):
        paseport_issuer.revoke(jti="forgotten")


def test_a_revocation_names_one_thing(paseport_issuer: FakeIssuer) -> None:
    with pytest.raises(ValueError, match="one thing"):
        paseport_issuer.revoke()
    with pytest.raises(ValueError, match="one thing"):
        paseport_issuer.revoke(jti="one", session="other")
    with pytest.raises(ValueError, match="session_id"):
        paseport_issuer.revoke(session=paseport_issuer.mint_token(machine=True))
    with pytest.raises(LookupError):
        paseport_issuer.set_roles("019a7e7e-0000-7000-8000-000000000000", ())
