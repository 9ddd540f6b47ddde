"""Signing in with a password: the person, and the attacker who tries to look like one."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from uuid import UUID

import bcrypt
import pytest
from issuer_world import CALLER, ISSUER, PASSWORD, IssuerWorld, raw_payload
from paseport.secret import Secret
from paseport_issuer.use_cases.change_user import ChangeUserCommand, UserChange
from paseport_shared.domain.errors import InvalidCredentials, InvalidToken, TooManyAttempts, Unavailable
from paseport_shared.domain.models import base62
from paseport_shared.domain.models.audit import Actor
from paseport_shared.domain.models.user import User
from paseport_shared.domain.ports.record import RecordTransaction

WRONG = Secret("a wrong password of some length")
ADMIN = Actor("00000000-0000-7000-8000-00000000ad01", "bff")


async def disable(world: IssuerWorld, user: User) -> User:
    change = UserChange(frozenset({"disabled"}), disabled=True)
    return await world.use.change_user(ChangeUserCommand(user.id, user.revision, change, ADMIN))


async def test_a_user_signs_in_by_name_or_e_mail_in_any_spelling(world: IssuerWorld) -> None:
    user = await world.add_user("alice")

    for login in ("alice", "ALICE", " Alice ", "alice@example.com", "Alice@Example.COM", "ａｌｉｃｅ"):
        issued = await world.sign_in(login)
        assert raw_payload(issued.access_token.value)["sub"] == str(user.id)


async def test_the_access_token_says_what_the_design_promises(world: IssuerWorld) -> None:
    """Design §3: the claims, their order of magnitude, and no roles."""
    user = await world.add_user("alice", roles=("Admin", "User"))

    issued = await world.sign_in()

    payload = raw_payload(issued.access_token.value)
    assert payload["iss"] == ISSUER
    assert payload["aud"] == f"{ISSUER}/api"
    assert payload["sub"] == str(user.id)
    assert UUID(str(payload["sub"])).version == 7
    assert payload["client_id"] == "bff"
    assert payload["scope"] == "openid profile email roles account admin"
    assert payload["typ"] == "access"
    assert payload["ver"] == 1
    assert payload["amr"] == ["pwd"]
    assert payload.keys() == {
        "iss", "sub", "aud", "exp", "nbf", "iat", "jti", "client_id", "scope", "sid", "fid", "ver", "auth_time",
        "amr", "typ",
    }  # fmt: skip
    claims = await world.claims(issued.access_token.value)
    assert claims.expires_at - claims.issued_at == timedelta(seconds=300)


async def test_the_session_cookie_is_not_in_the_token(world: IssuerWorld) -> None:
    """A resource server that sees the token's sid must not be able to act as the browser."""
    await world.add_user()

    issued = await world.sign_in()

    payload = raw_payload(issued.access_token.value)
    assert issued.session_cookie is not None
    _, session_id, secret, _ = issued.session_cookie.reveal().split("_")
    assert payload["sid"] == session_id
    assert secret not in issued.access_token.value


@pytest.mark.parametrize("case", ["unknown", "wrong", "disabled", "passwordless", "disabled with the right password"])
async def test_every_refusal_is_one_answer_and_one_hash(world: IssuerWorld, case: str) -> None:
    """LG-01, LG-02: an attacker who counts work or reads answers learns nothing."""
    if case == "passwordless":
        await world.add_user(password=None)
    elif case != "unknown":
        user = await world.add_user()
        if case.startswith("disabled"):
            await disable(world, user)
    before = world.hasher.computed

    with pytest.raises(InvalidCredentials) as refusal:
        await world.sign_in("alice", PASSWORD if case.endswith("right password") else WRONG)

    assert world.hasher.computed - before == 1
    assert refusal.value.code == "invalid_credentials"
    assert str(refusal.value) == InvalidCredentials.public


async def test_the_eleventh_try_is_refused_however_the_account_is_spelled(world: IssuerWorld) -> None:
    """LG-10, P9: one counter a user."""
    await world.add_user("alice")
    for login in ("alice", "ALICE", "alice@example.com", " alice", "Alice@example.com") * 2:
        with pytest.raises(InvalidCredentials):
            await world.sign_in(login, WRONG)
    before = world.hasher.computed

    with pytest.raises(TooManyAttempts) as refusal:
        await world.sign_in("alice", PASSWORD)

    assert timedelta(0) < refusal.value.retry_after <= timedelta(minutes=15)
    assert world.hasher.computed == before


async def test_an_unknown_name_is_limited_like_a_known_one(world: IssuerWorld) -> None:
    """LG-16: the limit tells nobody which accounts exist."""
    for _ in range(10):
        with pytest.raises(InvalidCredentials):
            await world.sign_in("nobody", WRONG)

    with pytest.raises(TooManyAttempts):
        await world.sign_in("NOBODY", WRONG)


async def test_the_limit_holds_for_tries_made_at_once(world: IssuerWorld) -> None:
    await world.add_user()

    outcomes = await asyncio.gather(*(world.sign_in("alice", WRONG) for _ in range(30)), return_exceptions=True)

    assert sum(isinstance(outcome, InvalidCredentials) for outcome in outcomes) == 10
    assert sum(isinstance(outcome, TooManyAttempts) for outcome in outcomes) == 20


async def test_the_limit_ends_with_its_window_and_with_the_right_password(world: IssuerWorld) -> None:
    await world.add_user()
    for _ in range(9):
        with pytest.raises(InvalidCredentials):
            await world.sign_in("alice", WRONG)
    await world.sign_in()
    for _ in range(10):
        with pytest.raises(InvalidCredentials):
            await world.sign_in("alice", WRONG)

    world.clock.advance(timedelta(minutes=15, seconds=1))

    await world.sign_in()


async def test_an_imported_hash_is_upgraded_at_sign_in(world: IssuerWorld) -> None:
    user = await world.add_user()
    imported = "{bcrypt}" + bcrypt.hashpw(PASSWORD.reveal().encode(), bcrypt.gensalt(4)).decode()

    async def store(transaction: RecordTransaction) -> None:
        assert user.password_hash is not None
        assert await transaction.users.replace_password_hash(user.id, old=user.password_hash, new=imported)

    await world.record.transact(store)

    await world.sign_in()

    upgraded = await world.user(user.id)
    assert upgraded.password_hash is not None
    assert upgraded.password_hash.startswith("{bcrypt-hmac,p=1}$2b$04$")
    assert upgraded.revision == user.revision
    await world.sign_in()


async def test_signing_in_again_ends_the_browsers_earlier_session_only(world: IssuerWorld) -> None:
    """LG-18: a session id never survives a sign-in; other devices do."""
    await world.add_user()
    other_device = await world.sign_in()
    first = await world.sign_in()

    second = await world.sign_in(replaced=first.session_cookie)

    assert second.session_cookie != first.session_cookie
    await world.authenticate(second.access_token.value)
    await world.authenticate(other_device.access_token.value)
    with pytest.raises(InvalidToken):
        await world.authenticate(first.access_token.value)


async def test_a_session_is_not_ended_by_whoever_knows_its_id(world: IssuerWorld) -> None:
    """The sid stands in access tokens: without the cookie's secret it ends nothing."""
    await world.add_user()
    victim = await world.sign_in()
    assert victim.session_cookie is not None
    session_id = victim.session_cookie.reveal().split("_")[1]
    attacker = await world.sign_in()
    assert attacker.session_cookie is not None
    _, _, secret, _ = attacker.session_cookie.reveal().split("_")
    forged = f"pss_{session_id}_{secret}"

    await world.sign_in(replaced=Secret(f"{forged}_{base62.crc(forged)}"))

    await world.authenticate(victim.access_token.value)


@pytest.mark.parametrize("backend", ["mariadb", "redis", "vault"])
async def test_an_outage_answers_unavailable_and_signs_nobody_in(world: IssuerWorld, backend: str) -> None:
    """Design §5, row by row: sign-in needs all three."""
    user = await world.add_user()

    with getattr(world.outages, backend), pytest.raises(Unavailable):
        await world.sign_in()

    assert await world.sessions.list_for_user(user.id, world.clock.now()) == ()
    assert await world.families.list_for_user(user.id, world.clock.now()) == ()
    await world.sign_in()


async def test_the_right_password_uses_up_no_tries_during_an_outage(world: IssuerWorld) -> None:
    """P7: whoever tries again until the signer is back is not locked out then."""
    await world.add_user()

    with world.outages.vault:
        for _ in range(11):
            with pytest.raises(Unavailable):
                await world.sign_in()

    await world.sign_in()


async def test_a_sign_in_is_audited_without_a_secret(world: IssuerWorld) -> None:
    """LG-21."""
    user = await world.add_user()

    issued = await world.sign_in()

    (event,) = [event for event in await world.audited() if event.action == "session.started"]
    assert (event.target, event.actor.subject) == (str(user.id), str(user.id))
    assert (event.actor.address, event.actor.request_id) == (CALLER.address, CALLER.request_id)
    assert PASSWORD.reveal() not in repr(event)
    assert issued.refresh_token.reveal() not in repr(event)
