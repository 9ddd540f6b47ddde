"""One-time links: the person who follows one, and whoever finds it later."""

from __future__ import annotations

import asyncio
from datetime import timedelta

import pytest
from issuer_world import ADMIN_ACTOR, CALLER, ISSUER, PASSWORD, IssuerWorld
from paseport.secret import Secret
from paseport_issuer.use_cases.change_user import ChangeUserCommand, UserChange
from paseport_issuer.use_cases.redeem_password_reset import RedeemResetCommand
from paseport_shared.domain.errors import (
    InvalidCredentials,
    InvalidGrant,
    InvalidResetToken,
    InvalidToken,
    Unavailable,
    WeakPassword,
)
from paseport_shared.domain.models.user import User

NEW = Secret("a new password nobody guesses")


async def link(world: IssuerWorld, user: User) -> Secret[str]:
    issued = await world.use.issue_password_reset(user.id, ADMIN_ACTOR)
    assert issued.url.reveal().startswith(f"{ISSUER}/reset-password#token=prr_")
    return Secret(issued.url.reveal().partition("#token=")[2])


async def redeem(world: IssuerWorld, token: Secret[str], password: Secret[str] = NEW) -> None:
    await world.use.redeem_password_reset(RedeemResetCommand(token, password, CALLER))


async def test_a_link_sets_the_password_and_ends_every_session(world: IssuerWorld) -> None:
    """AD-12, LG-22."""
    user = await world.add_user()
    before = await world.sign_in()

    await redeem(world, await link(world, user))

    with pytest.raises(InvalidGrant):
        await world.refresh(before.refresh_token)
    with pytest.raises(InvalidToken):
        await world.authenticate(before.access_token.value)
    with pytest.raises(InvalidCredentials):
        await world.sign_in("alice", PASSWORD)
    await world.authenticate((await world.sign_in("alice", NEW)).access_token.value)


async def test_a_link_gives_an_account_its_first_password(world: IssuerWorld) -> None:
    user = await world.add_user(password=None)

    await redeem(world, await link(world, user))

    await world.sign_in("alice", NEW)


async def test_a_link_works_once_for_many_at_once(world: IssuerWorld) -> None:
    user = await world.add_user()
    token = await link(world, user)

    outcomes = await asyncio.gather(*(redeem(world, token) for _ in range(10)), return_exceptions=True)

    assert outcomes.count(None) == 1
    assert sum(isinstance(outcome, InvalidResetToken) for outcome in outcomes) == 9


async def test_a_link_ends_after_thirty_minutes(world: IssuerWorld) -> None:
    user = await world.add_user()
    token = await link(world, user)
    world.clock.advance(timedelta(minutes=30))

    with pytest.raises(InvalidResetToken):
        await redeem(world, token)


async def test_a_new_link_voids_the_old_one(world: IssuerWorld) -> None:
    user = await world.add_user()
    old = await link(world, user)
    new = await link(world, user)

    with pytest.raises(InvalidResetToken):
        await redeem(world, old)

    await redeem(world, new)


async def test_a_refused_password_leaves_the_link_usable(world: IssuerWorld) -> None:
    user = await world.add_user()
    token = await link(world, user)

    with pytest.raises(WeakPassword):
        await redeem(world, token, Secret("short"))

    await redeem(world, token)


async def test_a_disabled_user_cannot_use_a_link(world: IssuerWorld) -> None:
    user = await world.add_user()
    token = await link(world, user)
    change = UserChange(frozenset({"disabled"}), disabled=True)
    await world.use.change_user(ChangeUserCommand(user.id, user.revision, change, ADMIN_ACTOR))

    with pytest.raises(InvalidResetToken):
        await redeem(world, token)


async def test_junk_costs_no_hash_and_no_read(world: IssuerWorld) -> None:
    user = await world.add_user()
    text = (await link(world, user)).reveal()
    computed = world.hasher.computed

    with world.outages.mariadb:
        for junk in ("", text[:-1], text + "0", text.swapcase(), "prr_x_y"):
            with pytest.raises(InvalidResetToken):
                await redeem(world, Secret(junk))

    assert world.hasher.computed == computed


async def test_the_link_is_not_in_the_audit_log(world: IssuerWorld) -> None:
    user = await world.add_user()

    token = await link(world, user)

    events = await world.audited()
    assert "user.password_reset_issued" in [event.action for event in events]
    assert token.reveal() not in repr(events)


async def test_a_link_is_not_spent_while_sessions_cannot_be_ended(world: IssuerWorld) -> None:
    """LG-22, FT-20: a link that was spent could not be used again to finish what the outage kept from being done."""
    user = await world.add_user()
    before = await world.sign_in()
    token = await link(world, user)

    with world.outages.redis, pytest.raises(Unavailable) as refusal:
        await redeem(world, token)

    assert type(refusal.value) is Unavailable
    assert (await world.user(user.id)).revision == user.revision
    await world.refresh(before.refresh_token)
    await redeem(world, token)
    with pytest.raises(InvalidToken):
        await world.authenticate(before.access_token.value)
