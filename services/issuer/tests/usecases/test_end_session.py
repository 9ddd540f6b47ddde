"""Signing out: here and everywhere, with and without the database."""

from __future__ import annotations

import asyncio

import pytest
from issuer_world import APP, CALLER, IssuerWorld
from paseport_issuer.use_cases.end_session import EndSessionCommand
from paseport_shared.domain.errors import InvalidGrant, InvalidToken, Unavailable


async def test_sign_out_ends_this_session_and_no_other(world: IssuerWorld) -> None:
    """BF-11, TE-17."""
    await world.add_user()
    here, there = await world.sign_in(), await world.sign_in()

    await world.sign_out(here)

    with pytest.raises(InvalidToken):
        await world.authenticate(here.access_token.value)
    with pytest.raises(InvalidGrant):
        await world.refresh(here.refresh_token)
    await world.authenticate(there.access_token.value)
    await world.refresh(there.refresh_token)


async def test_sign_out_everywhere_ends_all_of_the_users_and_nobody_elses(world: IssuerWorld) -> None:
    await world.add_user("alice")
    await world.add_user("bob")
    sessions = [await world.sign_in("alice") for _ in range(3)]
    bob = await world.sign_in("bob")

    await world.sign_out(sessions[0], everywhere=True)

    for issued in sessions:
        with pytest.raises(InvalidToken):
            await world.authenticate(issued.access_token.value)
        with pytest.raises(InvalidGrant):
            await world.refresh(issued.refresh_token)
    await world.authenticate(bob.access_token.value)


async def test_signing_out_twice_or_without_anything_is_no_error(world: IssuerWorld) -> None:
    await world.add_user()
    issued = await world.sign_in()

    await asyncio.gather(world.sign_out(issued), world.sign_out(issued))
    await world.use.end_session(EndSessionCommand(None, None, False, APP, CALLER))


async def test_the_refresh_cookie_alone_is_enough(world: IssuerWorld) -> None:
    await world.add_user()
    issued = await world.sign_in()

    await world.use.end_session(EndSessionCommand(None, issued.refresh_token, False, APP, CALLER))

    with pytest.raises(InvalidToken):
        await world.authenticate(issued.access_token.value)


async def test_sign_out_works_without_the_database_and_is_recorded_later(world: IssuerWorld) -> None:
    """Design §5."""
    await world.use.load_read_models()
    await world.add_user()
    issued = await world.sign_in()

    with world.outages.mariadb:
        await world.sign_out(issued)
        with pytest.raises(InvalidToken):
            await world.authenticate(issued.access_token.value)
        with pytest.raises(Unavailable):
            await world.use.record_pending.drain()

    assert (await world.actions()).count("session.ended") == 1


async def test_a_sign_out_that_failed_can_be_repeated(world: IssuerWorld) -> None:
    """Redis down answers 503; afterwards the same cookies still sign out."""
    await world.add_user()
    issued = await world.sign_in()
    with world.outages.redis, pytest.raises(Unavailable):
        await world.sign_out(issued)

    await world.sign_out(issued)

    with pytest.raises(InvalidToken):
        await world.authenticate(issued.access_token.value)


async def test_a_refresh_in_flight_does_not_survive_sign_out(world: IssuerWorld) -> None:
    await world.add_user()
    for _ in range(25):
        issued = await world.sign_in()

        answers = await asyncio.gather(
            *(world.refresh(issued.refresh_token) for _ in range(5)), world.sign_out(issued), return_exceptions=True
        )

        for answer in answers:
            if not isinstance(answer, InvalidGrant | None):
                with pytest.raises(InvalidToken):
                    await world.authenticate(answer.access_token.value)  # type: ignore[union-attr]
                with pytest.raises(InvalidGrant):
                    await world.refresh(answer.refresh_token)  # type: ignore[union-attr]


async def test_cookies_of_two_sessions_end_both(world: IssuerWorld) -> None:
    """BF-11: where somebody planted one of the cookies, signing out still ends the session behind the other."""
    await world.add_user("alice")
    await world.add_user("mallory")
    own, planted = await world.sign_in("alice"), await world.sign_in("mallory")

    await world.use.end_session(EndSessionCommand(planted.session_cookie, own.refresh_token, False, APP, CALLER))

    for issued in (own, planted):
        with pytest.raises(InvalidGrant):
            await world.refresh(issued.refresh_token)
        with pytest.raises(InvalidToken):
            await world.authenticate(issued.access_token.value)
