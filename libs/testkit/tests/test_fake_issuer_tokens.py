"""The tokens of a fake issuer, before a verifier of the published package."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from datetime import timedelta

import pytest
from paseport import Claims, InvalidToken, Unavailable, Verifier
from paseport.key_set import StaticKeySet
from paseport_testkit.fake_issuer import FORGERIES, FakeIssuer, TravelClock
from paseport_testkit.fake_issuer.issuer import DEFAULT_AUDIENCE


@pytest.fixture
async def verifier(paseport_issuer: FakeIssuer) -> AsyncIterator[Verifier]:
    async with paseport_issuer.verifier() as started:
        yield started


async def claims_of(verifier: Verifier, token: str) -> Claims:
    """Verify a token; return what it says."""
    verified = await verifier.verify(token)
    return verified if isinstance(verified, Claims) else verified.claims


async def test_a_users_token_is_good_and_says_who_it_is(
    paseport_issuer: FakeIssuer, mint_token: Callable[..., str], verifier: Verifier
) -> None:
    user = paseport_issuer.add_user()

    claims = await claims_of(verifier, mint_token(user, client_id="shop", scopes=("openid", "orders"), session="s1"))

    assert claims.issuer == paseport_issuer.url
    assert claims.audience == paseport_issuer.audience == DEFAULT_AUDIENCE
    assert claims.subject == str(user.user_id)
    assert claims.client_id == "shop"
    assert claims.scope == ("openid", "orders")
    assert claims.session_id == "s1"
    assert claims.user_version == 1


async def test_a_machines_token_is_good_and_carries_nothing_of_a_user(
    mint_token: Callable[..., str], verifier: Verifier
) -> None:
    claims = await claims_of(verifier, mint_token(machine=True, client_id="nightly", scopes=("reports",)))

    assert claims.subject == claims.client_id == "nightly"
    assert (claims.session_id, claims.family_id, claims.user_version) == (None, None, None)


async def test_every_token_has_a_user_a_session_and_an_id_of_its_own(
    paseport_issuer: FakeIssuer, mint_token: Callable[..., str]
) -> None:
    one, other = paseport_issuer.claims(mint_token()), paseport_issuer.claims(mint_token())

    assert one.subject != other.subject
    assert one.session_id != other.session_id
    assert one.family_id != other.family_id
    assert one.token_id != other.token_id


@pytest.mark.parametrize(
    "fault",
    [{"expired": True}, {"not_yet": True}, {"audience": "https://elsewhere.example"}, {"lifetime": timedelta(hours=2)}],
    ids=["expired", "not yet good", "for another audience", "lives too long"],
)
async def test_a_token_with_a_fault_is_refused(
    mint_token: Callable[..., str], verifier: Verifier, fault: dict[str, object]
) -> None:
    assert await verifier.verify(mint_token())

    with pytest.raises(InvalidToken):
        await verifier.verify(mint_token(**fault))


async def test_claims_are_added_replaced_and_taken_away(
    paseport_issuer: FakeIssuer, mint_token: Callable[..., str], verifier: Verifier
) -> None:
    claims = await claims_of(verifier, mint_token(jti="chosen", sid=None, department="books"))

    assert claims.token_id == "chosen"
    assert claims.session_id is None
    with pytest.raises(InvalidToken):
        await verifier.verify(mint_token(jti=None))


@pytest.mark.parametrize(
    "arguments",
    [{"machine": True, "roles": ("Admin",)}, {"machine": True, "session": "s1"}],
    ids=["roles", "session"],
)
def test_a_machine_has_nothing_of_a_user(mint_token: Callable[..., str], arguments: dict[str, object]) -> None:
    with pytest.raises(ValueError, match="machine"):
        mint_token(**arguments)


def test_roles_are_not_given_to_a_user_in_passing(paseport_issuer: FakeIssuer, mint_token: Callable[..., str]) -> None:
    with pytest.raises(ValueError, match="set_roles"):
        mint_token(paseport_issuer.add_user(), roles=("Admin",))


def test_a_user_of_somebody_else_gets_no_token(paseport_issuer: FakeIssuer, mint_token: Callable[..., str]) -> None:
    with FakeIssuer() as other, pytest.raises(LookupError):
        mint_token(other.add_user())
    assert mint_token(str(paseport_issuer.add_user().user_id))


async def test_the_tokens_of_two_issuers_are_not_exchanged(mint_token: Callable[..., str], verifier: Verifier) -> None:
    with FakeIssuer() as other, pytest.raises(InvalidToken):
        await verifier.verify(other.mint_token())


async def test_a_token_ends_when_a_test_travels_beyond_it(
    paseport_clock: TravelClock, mint_token: Callable[..., str], verifier: Verifier
) -> None:
    token = mint_token()
    assert await verifier.verify(token)

    paseport_clock.travel(timedelta(minutes=6))

    with pytest.raises(InvalidToken):
        await verifier.verify(token)
    assert await verifier.verify(mint_token())
    paseport_clock.travel(-timedelta(minutes=6))
    assert await verifier.verify(token)


def test_time_that_passes_makes_copies_older_and_travelling_does_not(paseport_clock: TravelClock) -> None:
    moment, age = paseport_clock.now(), paseport_clock.monotonic()

    paseport_clock.travel(timedelta(days=1))
    travelled = paseport_clock.monotonic() - age
    paseport_clock.elapse(timedelta(hours=1))
    elapsed = paseport_clock.monotonic() - age

    assert travelled < timedelta(hours=1).total_seconds() <= elapsed
    assert paseport_clock.now() - moment >= timedelta(days=1, hours=1)
    with pytest.raises(ValueError, match="travel"):
        paseport_clock.elapse(-timedelta(seconds=1))


@pytest.mark.parametrize("kind", FORGERIES)
async def test_every_kind_of_forgery_is_refused(paseport_issuer: FakeIssuer, verifier: Verifier, kind: str) -> None:
    assert await verifier.verify(paseport_issuer.mint_token())

    with pytest.raises(InvalidToken):
        await verifier.verify(paseport_issuer.forged_token(kind))


def test_the_kinds_of_forgeries_are_named_to_whoever_asks_for_another(paseport_issuer: FakeIssuer) -> None:
    with pytest.raises(LookupError, match="stolen_key_id"):
        paseport_issuer.forged_token("perfect")


async def test_tokens_stay_good_over_rotations_that_follow_one_another(
    paseport_issuer: FakeIssuer, verifier: Verifier
) -> None:
    tokens = [paseport_issuer.mint_token()]
    assert await verifier.verify(tokens[0])

    for _ in range(3):
        kid = paseport_issuer.rotate_key()
        tokens.append(paseport_issuer.mint_token())
        assert paseport_issuer.claims(tokens[-1]).key_id == kid

    for token in tokens:
        assert await verifier.verify(token)
    assert len({paseport_issuer.claims(token).key_id for token in tokens}) == 4


async def test_a_key_that_was_revoked_is_revoked_in_the_document_and_another_one_signs(
    paseport_issuer: FakeIssuer,
) -> None:
    token = paseport_issuer.mint_token()
    await paseport_issuer.revoke_key()

    # It hears of no revocation, so what it knows stands in the document.
    async with paseport_issuer.verifier(revocation="none") as verifier:
        assert await verifier.verify(paseport_issuer.mint_token())
        with pytest.raises(InvalidToken):
            await verifier.verify(token)
    with pytest.raises(LookupError):
        await paseport_issuer.revoke_key("k4.pid.unknown")


async def test_nobody_can_say_while_the_issuer_is_away_and_the_keys_were_never_read(
    paseport_issuer: FakeIssuer,
) -> None:
    token = paseport_issuer.mint_token()

    async with paseport_issuer.verifier(revocation="none") as verifier:
        with paseport_issuer.outage(), pytest.raises(Unavailable):
            await verifier.verify(token)


async def test_options_of_a_verifier_win_over_those_of_the_issuer(paseport_issuer: FakeIssuer) -> None:
    pinned = paseport_issuer.verifier(audience="https://other.example", key_set=StaticKeySet(()))

    async with pinned as verifier:
        with pytest.raises(InvalidToken):
            await verifier.verify(paseport_issuer.mint_token(audience="https://other.example"))


def test_an_issuer_that_was_not_started_says_so() -> None:
    issuer = FakeIssuer()

    with pytest.raises(RuntimeError, match="start"):
        issuer.mint_token()
    issuer.stop()
