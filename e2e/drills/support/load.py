"""Many browsers at work while something breaks.

They run on a thread of their own, so that a drill reads like what an operator does: kill, wait, look. All of them are
judged by the same rules (``browser``), whatever the drill is.
"""

from __future__ import annotations

import asyncio
import random
import threading
import time
from collections.abc import Coroutine, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Final, Self, TypeVar

import uvloop
from browser import GRACE_SECONDS, Browser, Session, parsed
from findings import Findings
from http_client import Door, Way
from paseport_testkit.harness.accounts import Account, Administrator
from paseport_testkit.harness.stack import Stack
from paseport_testkit.harness.waiting import wait_until

STAYERS: Final = 10
"""Browsers that never sign out; every second one has two tabs that refresh at the same time."""
LEAVERS: Final = 3
"""Browsers that sign out after a while, and in again."""
ROBBED: Final = 3
"""Browsers that do nothing for longer than the grace, until somebody else presents a spent token of theirs."""
PAIRS: Final = 1
"""Two browsers of one account, of which one signs out everywhere."""
_SHORTEST_SECONDS: Final = 2.0
_LONGEST_SECONDS: Final = 6.0
"""How long somebody who leaves stays before."""
_SHARED_ACCOUNTS: Final = 3
PERIOD_SECONDS: Final = 0.2
"""How often a browser that stays refreshes and, beside that, calls the api."""
BACK_WITHIN_SECONDS: Final = 8.0
"""P6. Whoever holds the newest token gets a successor by then, after whatever happened."""
_LATE_SECONDS: Final = 3.0
"""A token that was spent so short a time ago is surely still within its grace when it arrives."""
_LATE_SHARE: Final = 0.1
_HAUNT_EVERY_SECONDS: Final = 0.05
_HAUNTED: Final = 100
_AT_ONCE: Final = 3
_HASHING_SECONDS: Final = 120.0
_STOP_SECONDS: Final = 40.0
_FLOWING: Final = 20

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class _Grave:
    browser: Browser
    session: Session


class Load:
    """The browsers of an installation. They keep their sessions from one drill to the next.

    Each drill decides whether they come to the services directly or through the edge, as people do.
    """

    def __init__(self, stack: Stack) -> None:
        self._stack = stack
        edge = Door(stack.edge.host, stack.edge.port, stack.edge.tls())
        self._edge = Way([edge])
        self._issuer = Way([Door(*issuer.address) for issuer in stack.issuers.values()])
        self._api = Way([Door(*api.address) for api in stack.apis.values()])
        self.accounts = [
            Account(f"drill-{number}", ("Admin", "User"))
            for number in range(_SHARED_ACCOUNTS + LEAVERS + ROBBED + PAIRS)
        ]
        shared, own = self.accounts[:_SHARED_ACCOUNTS], iter(self.accounts[_SHARED_ACCOUNTS:])
        self._stayers = [self._browser(f"stayer {i}", shared[i % len(shared)]) for i in range(STAYERS)]
        self._leavers = [self._browser(f"leaver {i}", next(own)) for i in range(LEAVERS)]
        self._robbed = [self._browser(f"robbed {i}", next(own)) for i in range(ROBBED)]
        self._pairs: list[tuple[Browser, Browser]] = []
        for number in range(PAIRS):
            account = next(own)
            self._pairs.append((self._browser(f"pair {number}", account), self._browser(f"other {number}", account)))
        self._graves: list[_Grave] = []
        self._stopping = asyncio.Event()
        self._loop = uvloop.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="load", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        Administrator(self._stack.edge, self._stack.admin).create(self.accounts)
        return self

    def __exit__(
        self, exc_type: type[BaseException] | None, exc: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._run(self._close(), _STOP_SECONDS)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    @contextmanager
    def at_work(self, *, through_edge: bool = False) -> Iterator[Findings]:
        """Let everybody work inside the block.

        At its end everybody who has not signed out must get a successor and be let in by the api, and whatever was
        revoked is tried once more.
        """
        self._run(self._gather(), _HASHING_SECONDS)
        findings = Findings()
        for browser in self._browsers:
            browser.issuer = self._edge if through_edge else self._issuer
            browser.api = self._edge if through_edge else self._api
            browser.findings = findings
            browser.told.clear()
        self._stopping.clear()
        working = asyncio.run_coroutine_threadsafe(self._work(), self._loop)
        try:
            self.wait_until_flowing(findings)
            yield findings
            self.wait_until_flowing(findings)
        finally:
            self._loop.call_soon_threadsafe(self._stopping.set)
            findings.ended_at = time.monotonic()
            try:
                working.result(_STOP_SECONDS)
            except TimeoutError:
                # Somebody is still told to come back. The next drill begins without them.
                working.cancel()
                raise
        self._run(self._settle(findings), _STOP_SECONDS)

    def wait_until_flowing(self, findings: Findings, timeout_seconds: float = 30) -> None:
        """Wait until refreshes and calls succeed again, counted from now."""
        refreshed, verified = len(findings.refreshed_at), len(findings.verified_at)

        def missing() -> str | None:
            more = len(findings.refreshed_at) - refreshed, len(findings.verified_at) - verified
            return None if min(more) >= _FLOWING else f"{more[0]} refreshes and {more[1]} calls succeeded"

        wait_until("refreshing and verifying work", missing, timeout_seconds)

    def haunt(self) -> None:
        """Try, once, everything of every session that has ended."""
        self._run(self._haunt_all(), _STOP_SECONDS)

    def an_access_token(self) -> str:
        """Return the fresh access token of an administrator who stays."""
        session = self._stayers[0].session
        assert session is not None
        return session.access_token

    def check_that_nothing_is_consumed(self, seconds: float) -> None:
        """Look for so long whether Redis holds the generations that the browsers hold."""
        live = [browser.session for browser in self._stayers if browser.session is not None]
        until = time.monotonic() + seconds
        with self._stack.redis.primary().admin() as redis:
            while time.monotonic() < until:
                for session in live:
                    token = parsed(session)
                    held: Any = redis.hget(f"refresh_token:by_token:{token.family_id}", "generation")
                    assert held == str(token.generation), f"{held} was consumed, {token} was answered"

    # --- what everybody does --------------------------------------------------------------------------------------

    async def _work(self) -> None:
        async with asyncio.TaskGroup() as tasks:
            for number, browser in enumerate(self._stayers):
                tasks.create_task(self._stays(browser, has_two_tabs=number % 2 == 1))
                tasks.create_task(self._calls(browser))
            for browser in self._leavers:
                tasks.create_task(self._leaves(browser))
            for browser in self._robbed:
                tasks.create_task(self._is_robbed(browser))
            for one, other in self._pairs:
                tasks.create_task(self._leave_everywhere(one, other))
            tasks.create_task(self._haunts())

    async def _stays(self, browser: Browser, *, has_two_tabs: bool) -> None:
        await asyncio.sleep(random.uniform(0, PERIOD_SECONDS))
        while self._goes_on():
            session = await self._session_of(browser)
            await (browser.refresh_in_two_tabs(session) if has_two_tabs else browser.refresh(session))
            if len(session.spent) > 1 and random.random() < _LATE_SHARE:
                older = session.spent[-2]
                if time.monotonic() - older.at < _LATE_SECONDS:
                    await browser.present_spent(session, older)
            await asyncio.sleep(PERIOD_SECONDS)

    async def _calls(self, browser: Browser) -> None:
        await asyncio.sleep(random.uniform(0, PERIOD_SECONDS))
        while self._goes_on():
            if browser.session is not None:
                await browser.call(browser.session)
            await asyncio.sleep(PERIOD_SECONDS)

    async def _leaves(self, browser: Browser) -> None:
        while self._goes_on():
            session = await self._session_of(browser)
            await self._uses(browser, session, random.uniform(_SHORTEST_SECONDS, _LONGEST_SECONDS))
            if self._goes_on() and session.ending_at is None:
                await browser.sign_out(session)
                self._bury(browser, session)

    async def _is_robbed(self, browser: Browser) -> None:
        while self._goes_on():
            session = await self._session_of(browser)
            await self._uses(browser, session, random.uniform(1, 3))
            if not await self._rests(GRACE_SECONDS + 1) or session.ending_at is not None or not session.spent:
                continue
            await browser.be_robbed(session, random.choice((session.spent[-1], session.spent[len(session.spent) // 2])))
            self._bury(browser, session)

    async def _leave_everywhere(self, one: Browser, other: Browser) -> None:
        while self._goes_on():
            session, another = await self._session_of(one), await self._session_of(other)
            seconds = random.uniform(_SHORTEST_SECONDS, _LONGEST_SECONDS)
            # The other one still refreshes when it is signed out.
            goes_on = asyncio.create_task(self._uses(other, another, seconds + 1))
            await self._uses(one, session, seconds)
            if self._goes_on() and session.ending_at is None:
                await one.sign_out_everywhere(session, [session, another])
                self._bury(one, session)
                self._bury(other, another)
            await goes_on

    async def _uses(self, browser: Browser, session: Session, seconds: float) -> None:
        until = time.monotonic() + seconds
        while self._goes_on() and time.monotonic() < until and session.ended_at is None:
            await browser.refresh(session)
            await browser.call(session)
            await asyncio.sleep(PERIOD_SECONDS)

    async def _rests(self, seconds: float) -> bool:
        """Do nothing for so long; False where the work ends meanwhile."""
        try:
            await asyncio.wait_for(self._stopping.wait(), seconds)
        except TimeoutError:
            return True
        return False

    async def _haunts(self) -> None:
        while self._goes_on():
            await asyncio.sleep(_HAUNT_EVERY_SECONDS)
            if self._graves:
                grave = random.choice(self._graves[-_HAUNTED:])
                await grave.browser.haunt(grave.session)

    def _goes_on(self) -> bool:
        return not self._stopping.is_set()

    # --- before and after -----------------------------------------------------------------------------------------

    @property
    def _browsers(self) -> Sequence[Browser]:
        return [*self._stayers, *self._leavers, *self._robbed, *(browser for pair in self._pairs for browser in pair)]

    async def _session_of(self, browser: Browser) -> Session:
        if browser.session is None or browser.session.ending_at is not None:
            await browser.sign_in()
        assert browser.session is not None
        return browser.session

    async def _gather(self) -> None:
        places = asyncio.Semaphore(_AT_ONCE)

        async def ready(browser: Browser) -> None:
            async with places:
                await self._session_of(browser)

        await asyncio.gather(*(ready(browser) for browser in self._browsers))

    async def _settle(self, findings: Findings) -> None:
        live = [
            (browser, browser.session)
            for browser in self._browsers
            if browser.session is not None and browser.session.ending_at is None
        ]

        async def check(browser: Browser, session: Session) -> None:
            if not await browser.refresh_within(BACK_WITHIN_SECONDS, session):
                findings.wrong.append(f"nobody who holds the newest token may have to wait for so long: {browser!r}")
            elif not await browser.call(session):
                findings.wrong.append(f"the api did not take a fresh token: {browser!r}")

        await asyncio.gather(*(check(browser, session) for browser, session in live))
        await self._haunt_all()

    async def _haunt_all(self) -> None:
        places = asyncio.Semaphore(_AT_ONCE)

        async def haunt(grave: _Grave) -> None:
            async with places:
                await grave.browser.haunt(grave.session)

        await asyncio.gather(*(haunt(grave) for grave in self._graves[-_HAUNTED:]))

    def _bury(self, browser: Browser, session: Session) -> None:
        self._graves.append(_Grave(browser, session))

    def _browser(self, name: str, account: Account) -> Browser:
        return Browser(name, account, self._stack.origin, self._issuer, self._api)

    async def _close(self) -> None:
        for way in (self._edge, self._issuer, self._api):
            await way.close()

    def _run(self, work: Coroutine[Any, Any, T], timeout_seconds: float) -> T:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(timeout_seconds)
