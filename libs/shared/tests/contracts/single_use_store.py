"""What every store of things that are good for one time promises."""

import secrets
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from typing import TypeAlias

import pytest
from contracts.support import NOW, SECOND, Unreachable, crowd, new_id, new_user
from paseport_shared.domain.errors import Unavailable
from paseport_shared.domain.models.edge_session import HandoverTicket
from paseport_shared.domain.models.external_sign_in import ExternalSignIn, Linking, PendingLink
from paseport_shared.domain.models.linked_identity import ExternalIdentity
from paseport_shared.domain.ports.single_use_store import SingleUseStore

LIFETIME = timedelta(minutes=10)

Thing: TypeAlias = ExternalSignIn | PendingLink | HandoverTicket
Store: TypeAlias = SingleUseStore[Thing]


def a_sign_in(at: datetime = NOW) -> ExternalSignIn:
    """Somebody links, and every other field has a value too."""
    return ExternalSignIn(
        id=new_id(),
        browser_hash=secrets.token_bytes(32),
        provider_id=new_user(),
        redirect_uri="https://auth.example.com/auth/v1/oauth/callback/staff?ünï",
        nonce="n-0S6_WzA2Mj",
        code_verifier="dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk",
        transaction_id=new_id(),
        linking=Linking(new_user(), new_id()),
        max_age=0,
        created_at=at,
        expires_at=at + LIFETIME,
    )


def a_bare_sign_in() -> ExternalSignIn:
    """Nothing that may be left out."""
    return replace(a_sign_in(), transaction_id=None, linking=None, max_age=None)


def a_pending_link(at: datetime = NOW) -> PendingLink:
    """With a value in every field."""
    return PendingLink(
        id=new_id(),
        browser_hash=b"\x00" * 32,
        transaction_id=new_id(),
        provider_id=new_user(),
        user_id=new_user(),
        identity=ExternalIdentity(
            namespace="https://id.example.com",
            subject="somebody \x00 – ünïcode 😀",
            email="alice@example.com",
            email_claimed_verified=True,
            username='"><alice',
            name="Alice Liddell",
            groups=frozenset({"staff", "ünï"}),
            session_id="08a5019c-17e1-4977-8f42-65a12843ea02",
            auth_time=NOW - SECOND,
        ),
        created_at=at,
        expires_at=at + LIFETIME,
    )


def a_bare_pending_link(groups: frozenset[str] | None = None) -> PendingLink:
    """Of an identity of which the provider says next to nothing: no groups is not the same as none known."""
    identity = ExternalIdentity(namespace="https://id.example.com", subject="1", groups=groups)
    return replace(a_pending_link(), identity=identity)


def a_handover(at: datetime = NOW) -> HandoverTicket:
    """For a routed host."""
    return HandoverTicket(
        id=new_id(),
        host="app.example.com",
        binding=secrets.token_hex(32),
        session_id=new_id(),
        user_id=new_user(),
        user_version=7,
        created_at=at,
        expires_at=at + LIFETIME,
    )


Make: TypeAlias = Callable[[], Thing]


class SingleUseStoreContract:
    """The adapter's file supplies the fixtures ``store``, which holds what ``make`` makes, and ``unreachable``."""

    @pytest.fixture(
        params=[
            a_sign_in,
            a_bare_sign_in,
            a_pending_link,
            a_bare_pending_link,
            lambda: a_bare_pending_link(frozenset()),
            a_handover,
        ],
        ids=["sign-in", "bare sign-in", "pending link", "bare pending link", "pending link without groups", "handover"],
    )
    def make(self, request: pytest.FixtureRequest) -> Make:
        make: Make = request.param
        return make

    @pytest.fixture
    def held(self, make: Make) -> Thing:
        return make()

    async def test_a_thing_is_found_exactly_as_it_was_stored_and_stays(self, store: Store, held: Thing) -> None:
        await store.put(held)

        assert await store.find(held.id, NOW) == held
        assert await store.find(held.id, NOW) == held

    async def test_a_thing_is_consumed_exactly_as_it_was_stored_and_once(self, store: Store, held: Thing) -> None:
        """XI-04: state, nonce and verifier are good for one time."""
        await store.put(held)

        assert await store.consume(held.id, NOW) == held
        assert await store.consume(held.id, NOW) is None
        assert await store.find(held.id, NOW) is None

    async def test_of_a_crowd_one_consumes_it(self, store: Store, held: Thing) -> None:
        """XI-04."""
        await store.put(held)

        consumed = await crowd(lambda: store.consume(held.id, NOW))

        assert [one for one in consumed if one is not None] == [held]

    async def test_an_unknown_id_is_nothing(self, store: Store, held: Thing) -> None:
        """XI-01."""
        await store.put(held)

        for unknown in (new_id(), "", "*", held.id[:-1], f"{held.id} "):
            assert await store.find(unknown, NOW) is None
            assert await store.consume(unknown, NOW) is None

        assert await store.find(held.id, NOW) == held

    async def test_a_thing_ends_with_its_time(self, store: Store, make: Make) -> None:
        held, found_late, consumed_late = make(), make(), make()
        for one in (held, found_late, consumed_late):
            await store.put(one)

        assert await store.find(found_late.id, NOW + LIFETIME - SECOND) == found_late
        assert await store.find(found_late.id, NOW + LIFETIME) is None
        assert await store.consume(consumed_late.id, NOW + LIFETIME) is None
        assert await store.consume(held.id, NOW + LIFETIME - SECOND) == held

    async def test_consuming_one_leaves_the_others(self, store: Store, make: Make) -> None:
        first, second = make(), make()
        await store.put(first)
        await store.put(second)

        await store.consume(first.id, NOW)

        assert await store.consume(second.id, NOW) == second

    async def test_an_unreachable_store_answers_unavailable_and_consumes_nothing(
        self, store: Store, make: Make, unreachable: Unreachable
    ) -> None:
        held, late = make(), make()
        await store.put(held)

        async with unreachable:
            for call in (
                lambda: store.put(late),
                lambda: store.find(held.id, NOW),
                lambda: store.consume(held.id, NOW),
            ):
                with pytest.raises(Unavailable):
                    await call()

        assert await store.find(late.id, NOW) is None
        assert await store.consume(held.id, NOW) == held
