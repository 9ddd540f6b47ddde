"""P4 over HTTP: fifty presenters of one refresh token, two hundred times."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest
from browser import Browser, generation_of
from findings import Report
from http_client import Door, Way
from load import BACK_WITHIN_SECONDS, Load
from paseport_testkit.harness.stack import Stack

ROUNDS = 200
CROWD = 50
STRAGGLERS = 2


@pytest.fixture
async def browser(stack: Stack, browsers: Load) -> AsyncIterator[Browser]:
    issuer = Way([Door(*issuer.address) for issuer in stack.issuers.values()])
    api = Way([Door(*api.address) for api in stack.apis.values()])
    yield Browser("crowd", browsers.accounts[0], stack.origin, issuer, api)
    await issuer.close()
    await api.close()


async def test_of_fifty_presenters_at_once_all_get_the_same_successor(browser: Browser, report: Report) -> None:
    """P4, TE-12: at both issuers, while copies of the request before are still under way. Nobody is signed out."""
    session = await browser.sign_in()

    for _ in range(ROUNDS):
        stragglers = [browser.present_predecessor(session) for _ in range(STRAGGLERS)]
        presenters = [browser.refresh_within(BACK_WITHIN_SECONDS, session) for _ in range(CROWD)]
        answered = (await asyncio.gather(*presenters, *stragglers))[:CROWD]
        assert all(answered), browser
        await browser.call(session)

    report(browser.findings, f"{ROUNDS} rounds of {CROWD}")
    assert generation_of(session) == ROUNDS
