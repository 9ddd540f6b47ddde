"""Handing a sign-in over to a routed host: the browser it is for, other browsers, other hosts, and late ones."""

from __future__ import annotations

import asyncio
from datetime import timedelta

import pytest
from issuer_world import IssuerWorld
from paseport.secret import Secret
from paseport_issuer.use_cases.hand_over_session import TICKET_LIFETIME, HandOverCommand
from paseport_shared.domain.errors import InvalidRequest, NotFound, Unavailable
from paseport_shared.domain.models.edge_session import HandoverTicket
from paseport_shared.domain.models.user import User

HOST = "app.example.com"
BINDING = "b" * 64


@pytest.fixture
async def alice(world: IssuerWorld) -> User:
    return await world.add_user("alice")


@pytest.fixture
async def cookie(world: IssuerWorld, alice: User) -> Secret[str]:
    """What alice's browser holds once she has signed in."""
    session = (await world.sign_in("alice")).session_cookie
    assert session is not None
    return session


async def begin(
    world: IssuerWorld, cookie: Secret[str] | None, host: str = HOST, binding: str = BINDING
) -> HandoverTicket | None:
    """Come from a routed host with a session cookie."""
    return await world.use.hand_over_session.begin(HandOverCommand(host, binding, cookie))


async def ticket_of(world: IssuerWorld, cookie: Secret[str], host: str = HOST) -> HandoverTicket:
    """Return the ticket that a signed-in browser gets."""
    ticket = await begin(world, cookie, host)
    assert ticket is not None
    return ticket


async def is_redeemed(world: IssuerWorld, ticket: str, host: str = HOST, binding: str = BINDING) -> bool:
    """Whether a host that brings a ticket gets a session for it."""
    try:
        await world.use.hand_over_session.redeem(ticket, host, binding)
    except NotFound:
        return False
    return True


async def test_a_signed_in_browser_gets_a_ticket_for_its_own_session(
    world: IssuerWorld, alice: User, cookie: Secret[str]
) -> None:
    ticket = await ticket_of(world, cookie)
    redeemed = await world.use.hand_over_session.redeem(ticket.id, HOST, BINDING)

    (session,) = await world.sessions.list_for_user(alice.id, world.clock.now())
    assert redeemed == ticket
    assert (redeemed.session_id, redeemed.user_id, redeemed.user_version) == (session.id, alice.id, alice.version)


async def test_a_ticket_is_good_once_whoever_comes_first(world: IssuerWorld, cookie: Secret[str]) -> None:
    ticket = await ticket_of(world, cookie)

    outcomes = await asyncio.gather(*(is_redeemed(world, ticket.id) for _ in range(10)))

    assert sorted(outcomes) == [False] * 9 + [True]


@pytest.mark.parametrize(
    ("host", "binding"),
    [
        ("other.apps.example.com", BINDING),
        (HOST, "c" * 64),
        (HOST, ""),
        ("", BINDING),
        ("app.example.com/x", BINDING),
        (HOST, "é" * 64),
    ],
)
async def test_another_host_or_another_browser_spends_a_ticket_and_gets_nothing(
    world: IssuerWorld, cookie: Secret[str], host: str, binding: str
) -> None:
    ticket = await ticket_of(world, cookie)

    assert not await is_redeemed(world, ticket.id, host, binding)
    assert not await is_redeemed(world, ticket.id)


async def test_a_ticket_is_good_for_30_seconds(world: IssuerWorld, cookie: Secret[str]) -> None:
    early, late = await ticket_of(world, cookie), await ticket_of(world, cookie)

    world.clock.advance(TICKET_LIFETIME - timedelta(microseconds=1))
    in_time = await is_redeemed(world, early.id)
    world.clock.advance(timedelta(microseconds=1))

    assert timedelta(seconds=30) == TICKET_LIFETIME
    assert in_time
    assert not await is_redeemed(world, late.id)


@pytest.mark.parametrize("ticket", ["", "x", "0" * 22, "0" * 23, "../" * 8])
async def test_what_is_no_ticket_is_none(world: IssuerWorld, ticket: str) -> None:
    assert not await is_redeemed(world, ticket)


async def test_nobody_who_is_not_signed_in_gets_a_ticket(world: IssuerWorld, alice: User, cookie: Secret[str]) -> None:
    forged = Secret(f"{cookie.reveal()[:-1]}0")
    assert await begin(world, None) is None
    assert await begin(world, forged) is None
    await world.disable(alice)
    assert await begin(world, cookie) is None


async def test_a_session_that_is_over_gets_no_ticket(world: IssuerWorld, cookie: Secret[str]) -> None:
    world.clock.advance(world.settings.session_idle)

    assert await begin(world, cookie) is None


@pytest.mark.parametrize("host", ["app.example.com", "APP.example.com", "a.apps.example.com", "a.b.apps.example.com"])
async def test_a_host_of_the_list_is_handed_to(world: IssuerWorld, cookie: Secret[str], host: str) -> None:
    ticket = await ticket_of(world, cookie, host)

    assert ticket.host == host.lower()
    assert await is_redeemed(world, ticket.id, host)


async def test_a_port_makes_no_other_host(world: IssuerWorld, cookie: Secret[str]) -> None:
    ticket = await ticket_of(world, cookie, f"{HOST}:8443")

    assert ticket.host == HOST
    assert await is_redeemed(world, ticket.id, f"{HOST}:8443")


@pytest.mark.parametrize(
    "host",
    [
        "evil.example.com", "apps.example.com", "app.example.com.", "app.example.com.evil.example", "xapp.example.com",
        "app.example.com@evil.example", "evil.example/app.example.com", "app.example.com#", "app.example.com?",
        "app.example.com\\", "app.example.com:x", "app.example.com:99999", "", "[::1]", "app.example.com\r\nx: y",
        "äpp",
    ],
)  # fmt: skip
async def test_any_other_host_is_refused_whether_somebody_is_signed_in_or_not(
    world: IssuerWorld, cookie: Secret[str], host: str
) -> None:
    """FA-24, AZ-23: nothing is ever sent to a host that is not on the list."""
    for held in (cookie, None):
        with pytest.raises(InvalidRequest):
            await begin(world, held, host)


@pytest.mark.parametrize("binding", ["", "b" * 63, "b" * 65, "B" * 64, "g" * 64, "b" * 63 + "\n"])
async def test_a_binding_is_a_digest(world: IssuerWorld, cookie: Secret[str], binding: str) -> None:
    with pytest.raises(InvalidRequest):
        await begin(world, cookie, binding=binding)


async def test_a_session_in_use_at_a_routed_host_does_not_end_as_an_idle_one(
    world: IssuerWorld, cookie: Secret[str]
) -> None:
    ticket = await ticket_of(world, cookie)
    for _ in range(3):
        world.clock.advance(world.settings.session_idle - timedelta(seconds=1))
        await world.use.hand_over_session.note_use(ticket.session_id)

    assert await begin(world, cookie) is not None
    world.clock.advance(world.settings.session_idle)
    await world.use.hand_over_session.note_use(ticket.session_id)
    assert await begin(world, cookie) is None
    await world.use.hand_over_session.note_use("no session")


async def test_while_the_store_is_away_nobody_is_handed_over(world: IssuerWorld, cookie: Secret[str]) -> None:
    ticket = await ticket_of(world, cookie)
    with world.outages.redis:
        with pytest.raises(Unavailable):
            await begin(world, cookie)
        with pytest.raises(Unavailable):
            await is_redeemed(world, ticket.id)

    assert await is_redeemed(world, ticket.id)
