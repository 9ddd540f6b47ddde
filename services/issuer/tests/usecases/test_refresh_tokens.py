"""Rotation of refresh tokens: honest clients with bad luck, and thieves."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from issuer_world import CLI, IssuerWorld, issuer_settings, raw_payload
from paseport.secret import Secret
from paseport_issuer.use_cases.change_user import ChangeUserCommand, UserChange
from paseport_issuer.use_cases.delete_user import DeleteUserCommand
from paseport_issuer.use_cases.issue_tokens import IssuedTokens
from paseport_shared.domain.errors import InvalidGrant, InvalidToken, Unavailable
from paseport_shared.domain.models.audit import Actor
from paseport_shared.domain.models.refresh_token import RefreshTokenKey, parse_refresh_token

ADMIN = Actor("00000000-0000-7000-8000-00000000ad01", "bff")


def generation(issued: IssuedTokens) -> int:
    presented = parse_refresh_token(issued.refresh_token)
    assert presented is not None
    return presented.generation


async def test_a_refresh_rotates_the_token_and_keeps_session_and_family(world: IssuerWorld) -> None:
    await world.add_user()
    first = await world.sign_in()

    second = await world.refresh(first.refresh_token)

    assert generation(second) == 1
    assert second.session_cookie is None
    before, after = raw_payload(first.access_token.value), raw_payload(second.access_token.value)
    assert before["jti"] != after["jti"]
    for claim in ("sub", "sid", "fid", "ver", "scope", "auth_time", "amr", "client_id", "aud"):
        assert before[claim] == after[claim]


async def test_fifty_copies_at_once_get_one_successor(world: IssuerWorld) -> None:
    """TE-12, P4."""
    await world.add_user()
    issued = await world.sign_in()

    for _ in range(40):
        answers = await asyncio.gather(*(world.refresh(issued.refresh_token) for _ in range(50)))
        assert len({answer.refresh_token.reveal() for answer in answers}) == 1
        issued = answers[0]

    assert generation(issued) == 40
    assert "refresh_token.reused" not in await world.actions()


async def test_a_lost_answer_is_asked_for_again(world: IssuerWorld) -> None:
    """TE-13: the same successor, with a fresh access token."""
    await world.add_user()
    first = await world.sign_in()
    lost = await world.refresh(first.refresh_token)
    world.clock.advance(timedelta(seconds=10))

    again = await world.refresh(first.refresh_token)

    assert again.refresh_token == lost.refresh_token
    assert again.access_token.value != lost.access_token.value
    await world.refresh(again.refresh_token)


async def test_a_slow_copy_of_an_old_request_is_refused_and_nothing_dies(world: IssuerWorld) -> None:
    """P4: s0 → s1 → s2 with s0 still in flight."""
    await world.add_user()
    s0 = await world.sign_in()
    s1 = await world.refresh(s0.refresh_token)
    s2 = await world.refresh(s1.refresh_token)

    with pytest.raises(InvalidGrant):
        await world.refresh(s0.refresh_token)

    await world.refresh(s2.refresh_token)


@pytest.mark.parametrize("generations_old", [1, 2, 9])
async def test_a_reused_token_kills_its_family_and_nothing_else(world: IssuerWorld, generations_old: int) -> None:
    """TE-11, RFC 9700 §4.14.2: the thief and the owner are both out; the owner's other devices stay."""
    await world.add_user()
    stolen = await world.sign_in()
    other_device = await world.sign_in()
    owner = stolen
    for _ in range(generations_old):
        owner = await world.refresh(owner.refresh_token)
        world.clock.advance(timedelta(seconds=11))
    signed = world.signer.signed

    with pytest.raises(InvalidGrant):
        await world.refresh(stolen.refresh_token)

    assert world.signer.signed == signed
    with pytest.raises(InvalidGrant):
        await world.refresh(owner.refresh_token)
    with pytest.raises(InvalidToken):
        await world.authenticate(owner.access_token.value)
    await world.authenticate(other_device.access_token.value)
    await world.refresh(other_device.refresh_token)
    assert (await world.actions()).count("refresh_token.reused") == 1


async def test_with_no_grace_one_of_many_wins(tmp_path: Path) -> None:
    """TE-12: strict installations set PASEPORT_REFRESH_GRACE=0."""
    world = IssuerWorld(tmp_path, issuer_settings(refresh_grace=timedelta(0)))
    await world.add_user()
    issued = await world.sign_in()

    answers = await asyncio.gather(*(world.refresh(issued.refresh_token) for _ in range(20)), return_exceptions=True)

    assert sum(isinstance(answer, IssuedTokens) for answer in answers) == 1
    assert sum(isinstance(answer, InvalidGrant) for answer in answers) == 19
    await world.close()


async def test_another_client_cannot_use_a_token_nor_end_its_family(world: IssuerWorld) -> None:
    """TE-10."""
    user = await world.add_user()
    issued = await world.sign_in()

    with pytest.raises(InvalidGrant):
        await world.refresh(issued.refresh_token, CLI)

    await world.refresh(issued.refresh_token)
    (alarm,) = [event for event in await world.audited() if event.action == "refresh_token.presented_by_stranger"]
    assert (alarm.actor.client_id, alarm.target) == (CLI.client_id, str(user.id))
    assert issued.refresh_token.reveal() not in repr(alarm)


async def test_junk_costs_no_read_and_no_signature(world: IssuerWorld) -> None:
    await world.add_user()
    issued = await world.sign_in()
    text = issued.refresh_token.reveal()
    signed = world.signer.signed

    with world.outages.redis, world.outages.vault, world.outages.mariadb:
        for junk in ("", "prt_", text[:-1], text + "0", text.upper(), text.replace("prt_", "ppk_"), "x" * 10_000):
            with pytest.raises(InvalidGrant):
                await world.refresh(Secret(junk))

    assert world.signer.signed == signed


async def test_a_forged_mac_is_unknown_and_kills_nothing(world: IssuerWorld) -> None:
    """A stranger who knows a family id (it stands in access tokens) can neither refresh nor end it."""
    user = await world.add_user()
    issued = await world.sign_in()
    family = (await world.families.list_for_user(user.id, world.clock.now()))[0]
    stranger = RefreshTokenKey(Secret(b"x" * 32)).token(family, 0)

    with pytest.raises(InvalidGrant):
        await world.refresh(stranger)

    await world.refresh(issued.refresh_token)


async def test_idle_life_slides_and_absolute_life_does_not(tmp_path: Path) -> None:
    """TE-16."""
    settings = issuer_settings(
        session_idle=timedelta(days=365), session_max=timedelta(days=365), refresh_token_ttl=timedelta(days=14)
    )
    world = IssuerWorld(tmp_path, settings)
    await world.add_user()
    issued = await world.sign_in()

    for _ in range(6):
        world.clock.advance(timedelta(days=13))
        issued = await world.refresh(issued.refresh_token)
    world.clock.advance(timedelta(days=11))
    issued = await world.refresh(issued.refresh_token)
    world.clock.advance(timedelta(days=1))

    with pytest.raises(InvalidGrant):
        await world.refresh(issued.refresh_token)
    await world.close()


async def test_an_idle_session_ends_its_online_families(world: IssuerWorld) -> None:
    """BF-12: the server's clock decides."""
    await world.add_user()
    issued = await world.sign_in()
    world.clock.advance(timedelta(hours=12))

    with pytest.raises(InvalidGrant):
        await world.refresh(issued.refresh_token)


async def test_refreshing_keeps_the_session_alive(world: IssuerWorld) -> None:
    await world.add_user()
    issued = await world.sign_in()

    for _ in range(5):
        world.clock.advance(timedelta(hours=11))
        issued = await world.refresh(issued.refresh_token)


@pytest.mark.parametrize("end", ["sign-out", "everywhere", "disabled", "deleted"])
async def test_nothing_can_be_refreshed_after_the_end(world: IssuerWorld, end: str) -> None:
    """TE-15, TE-17, AD-07."""
    user = await world.add_user()
    await world.add_user("root", roles=("Admin",))
    issued = await world.sign_in()

    if end == "sign-out":
        await world.sign_out(issued)
    elif end == "everywhere":
        await world.sign_out(await world.sign_in(), everywhere=True)
    elif end == "disabled":
        change = UserChange(frozenset({"disabled"}), disabled=True)
        await world.use.change_user(ChangeUserCommand(user.id, user.revision, change, ADMIN))
    else:
        await world.use.delete_user(DeleteUserCommand(user.id, user.revision, ADMIN))

    with pytest.raises(InvalidGrant):
        await world.refresh(issued.refresh_token)
    with pytest.raises(InvalidToken):
        await world.authenticate(issued.access_token.value)


async def test_a_family_of_an_older_user_version_is_dead(world: IssuerWorld) -> None:
    """Even where the family itself survived: the read model alone decides."""
    user = await world.add_user()
    issued = await world.sign_in()
    state = await world.roles.find(user.id)
    assert state is not None
    await world.roles.put(replace(state, version=2, revision=state.revision + 1))

    with pytest.raises(InvalidGrant):
        await world.refresh(issued.refresh_token)


@pytest.mark.parametrize("backend", ["redis", "vault"])
async def test_an_outage_consumes_nothing(world: IssuerWorld, backend: str) -> None:
    """Design §5: 503, and the same token works afterwards."""
    await world.add_user()
    issued = await world.sign_in()

    with getattr(world.outages, backend), pytest.raises(Unavailable):
        await world.refresh(issued.refresh_token)

    world.clock.advance(timedelta(minutes=5))
    assert generation(await world.refresh(issued.refresh_token)) == 1


async def test_a_refresh_needs_no_database(world: IssuerWorld) -> None:
    """Design §5: MariaDB down, refresh works from Redis."""
    await world.use.load_read_models()
    await world.add_user()
    issued = await world.sign_in()

    with world.outages.mariadb:
        await world.refresh(issued.refresh_token)


async def test_a_reused_token_dies_without_a_database_and_is_recorded_later(world: IssuerWorld) -> None:
    """Design §5: logout, revoke, reuse are in force at once; the record follows."""
    await world.use.load_read_models()
    await world.add_user()
    stolen = await world.sign_in()
    owner = await world.refresh(stolen.refresh_token)
    world.clock.advance(timedelta(seconds=11))

    with world.outages.mariadb:
        with pytest.raises(InvalidGrant):
            await world.refresh(stolen.refresh_token)
        with pytest.raises(InvalidToken):
            await world.authenticate(owner.access_token.value)

    assert "refresh_token.reused" in await world.actions()
