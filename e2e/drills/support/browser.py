"""One browser of many: what it was told, and what it must never be told."""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Final

from findings import REVOKED_WITHIN_SECONDS, Findings
from http_client import Answer, Lost, Way, request
from paseport.secret import Secret
from paseport_shared.domain.models.refresh_token import PresentedToken, parse_refresh_token
from paseport_testkit.harness.accounts import Account
from paseport_testkit.harness.standstill import HEARTBEAT

GRACE_SECONDS: Final = 10.0
"""PASEPORT_REFRESH_GRACE as it is by default."""
_SESSION_COOKIE: Final = "__Host-paseport-session"
_REFRESH_COOKIE: Final = "__Host-paseport-refresh"
_TOKEN_LIFE_SECONDS: Final = 300.0
_SPENT_KEPT: Final = 64
_REMEMBERED: Final = 20
_AGAIN_SECONDS: Final = 0.2
"""How soon somebody asks again who was told to wait: more impatient than they were told, to see when it works again."""
_SIGN_IN_AGAIN_SECONDS: Final = 1.0
"""This one is as patient as told: each try counts against the account's ten."""
# An admin page of the api: it needs a decision about the token and the caller's roles, and nothing else.
_DECISION: Final = "/api/admin/revocations"


@dataclass(slots=True)
class Spent:
    """A refresh token that was exchanged for another one, and when its owner was told so."""

    token: str
    at: float


@dataclass(slots=True, eq=False)
class Session:
    """One sign-in, as its browser knows it."""

    account: Account
    cookie: str
    refresh_token: str
    access_token: str
    access_token_at: float
    spent: deque[Spent] = field(default_factory=lambda: deque(maxlen=_SPENT_KEPT))
    ending_at: float | None = None
    """When somebody first asked to end it. From then on it may live or not."""
    ended_at: float | None = None
    """When its end was acknowledged. From then on it must be dead."""

    def successor_of(self, token: str) -> str | None:
        """Return what a token was exchanged for, as far as that is remembered."""
        tokens = [*(spent.token for spent in self.spent), self.refresh_token]
        return next((after for before, after in pairwise(tokens) if before == token), None)

    def advance(self, answer: Answer, successor: str) -> None:
        """Hold the successor from now on."""
        self.spent.append(Spent(self.refresh_token, answer.received_at))
        self.refresh_token = successor
        self._hold(answer)

    def replayed(self, answer: Answer) -> None:
        """Hold the fresh access token that came with a successor which is known already."""
        self._hold(answer)

    def _hold(self, answer: Answer) -> None:
        self.access_token = answer.json()["access_token"]
        self.access_token_at = answer.received_at


class Browser:
    """Signs in, refreshes, calls the api, signs out; whatever it is told is judged at once.

    ``origin`` is the installation's, whichever way the requests go; ``issuer`` and ``api`` may be changed.
    """

    def __init__(self, name: str, account: Account, origin: str, issuer: Way, api: Way) -> None:
        self.issuer = issuer
        self.api = api
        self.name = name
        self.account = account
        self.session: Session | None = None
        self.told: deque[str] = deque(maxlen=_REMEMBERED)
        self.findings = Findings()
        self._host = origin.removeprefix("https://")
        self._unsafe = {"Host": self._host, "Origin": origin, "X-CSRF": "1"}

    def __repr__(self) -> str:
        return f"{self.name} (told lately: {'; '.join(self.told)})"

    # --- what its owner does --------------------------------------------------------------------------------------

    async def sign_in(self) -> Session:
        """Come back after each refusal until there is a session."""
        body = {"username": self.account.username, "password": self.account.password}
        while True:
            answer = await self._ask("login", self.issuer, "POST", "/auth/v1/login/local", {}, body)
            if answer is not None and answer.status == 200:
                self.findings.signed_in_at.append(answer.received_at)
                cookies, token = answer.cookies, answer.json()["access_token"]
                self.session = Session(
                    self.account, cookies[_SESSION_COOKIE], cookies[_REFRESH_COOKIE], token, answer.received_at
                )
                return self.session
            self._only_unavailable("login", answer)
            await asyncio.sleep(_SIGN_IN_AGAIN_SECONDS)

    async def refresh(self, session: Session) -> bool:
        """Present the newest refresh token once, and say whether there is a successor."""
        return await self._present(session, session.refresh_token)

    async def refresh_in_two_tabs(self, session: Session) -> bool:
        """Present the newest refresh token twice at once."""
        token = session.refresh_token
        return any(await asyncio.gather(self._present(session, token), self._present(session, token)))

    async def refresh_within(self, seconds: float, session: Session) -> bool:
        """Present the refresh token that is the newest now, again after each 503; False where time is up first."""
        token, deadline = session.refresh_token, time.monotonic() + seconds
        while not await self._present(session, token):
            if time.monotonic() > deadline:
                return False
            await asyncio.sleep(_AGAIN_SECONDS)
        return True

    async def call(self, session: Session) -> bool:
        """Call the api with the session's access token once, and say whether it was accepted."""
        return await self._call(session, session.access_token, session.access_token_at)

    async def sign_out(self, session: Session) -> None:
        """Sign out, again after each refusal, until it is acknowledged."""
        await self._end([session], "/auth/v1/logout", session)

    async def sign_out_everywhere(self, session: Session, all_sessions: list[Session]) -> None:
        """End all sessions of the account, again after each refusal, until it is acknowledged."""
        await self._end(all_sessions, "/auth/v1/logout?all=true", session)

    async def present_predecessor(self, session: Session) -> None:
        """Present the token of before once, like a copy of an earlier request that was under way for longer.

        It gets what it was exchanged for, or nothing any more; the session goes on in any case.
        """
        if not session.spent:
            return
        token = session.spent[-1].token
        answer = await self._post_refresh(token)
        if answer is None or self._is_unavailable("refresh", answer):
            return
        if answer.status == 200:
            self._judge_successor(session, token, answer)
        elif not _is_invalid_grant(answer):
            self._wrong("refresh", answer)

    # --- what nobody should get away with -------------------------------------------------------------------------

    async def present_spent(self, session: Session, spent: Spent) -> bool:
        """Present a token once that was spent, and say whether it was refused. Nobody must ever get anything for it."""
        answer = await self._post_refresh(spent.token)
        if answer is None or self._is_unavailable("refresh", answer):
            return False
        if answer.status == 200:
            age = answer.sent_at - spent.at
            self.findings.spent_accepted.append(f"{age:.2f} s after it was spent: {answer}, {self!r}")
        elif not _is_invalid_grant(answer):
            self._wrong("refresh", answer)
        return True

    async def be_robbed(self, session: Session, spent: Spent) -> None:
        """Have a thief present a spent token, again after each 503, until all of the family is dead."""
        session.ending_at = time.monotonic()
        while True:
            if await self.present_spent(session, spent):
                break
            await asyncio.sleep(_AGAIN_SECONDS)
        session.ended_at = time.monotonic()
        self.findings.signed_out += 1

    async def haunt(self, session: Session) -> None:
        """Try what is left of a session that has ended."""
        await self._present(session, session.refresh_token)
        if time.monotonic() - session.access_token_at < _TOKEN_LIFE_SECONDS:
            await self._call(session, session.access_token, session.access_token_at)

    # --- how ------------------------------------------------------------------------------------------------------

    async def _present(self, session: Session, token: str) -> bool:
        answer = await self._post_refresh(token)
        if answer is None or self._is_unavailable("refresh", answer):
            return False
        if answer.status == 200:
            self._judge_successor(session, token, answer)
            return session.ended_at is None
        if not _is_invalid_grant(answer):
            self._wrong("refresh", answer)
        elif session.ending_at is None:
            self.findings.logged_out.append(f"{answer}, {self!r}")
            session.ending_at = session.ended_at = answer.received_at
        return False

    def _judge_successor(self, session: Session, token: str, answer: Answer) -> None:
        successor = answer.cookies[_REFRESH_COOKIE]
        if session.ended_at is not None and answer.sent_at > session.ended_at:
            after = answer.sent_at - session.ended_at
            self.findings.revoked_accepted.append(f"refreshed {after:.2f} s after its end: {answer}, {self!r}")
            return
        self.findings.refreshed_at.append(answer.received_at)
        known = session.successor_of(token)
        if known is None:
            session.advance(answer, successor)
        elif known == successor:
            session.replayed(answer)
        else:
            self.findings.split.append(f"{answer}, {self!r}")

    async def _call(self, session: Session, token: str, issued_at: float) -> bool:
        headers = {"Host": self._host, "Authorization": f"Bearer {token}"}
        answer = await self._ask("call", self.api, "GET", _DECISION, headers)
        if answer is None or self._is_unavailable("call", answer):
            return False
        if answer.status == 200:
            self._judge_acceptance(session, answer)
            return True
        is_good = session.ending_at is None and answer.received_at - issued_at < _TOKEN_LIFE_SECONDS
        if answer.status != 401 or is_good:
            self._wrong("call", answer)
        return False

    def _judge_acceptance(self, session: Session, answer: Answer) -> None:
        after = 0.0
        if session.ended_at is not None:
            # While nothing ran, nobody could be told.
            after = answer.sent_at - session.ended_at
            after -= HEARTBEAT.nothing_ran_seconds(session.ended_at, answer.sent_at)
        self.findings.accepted_for_seconds = max(self.findings.accepted_for_seconds, after)
        if after > REVOKED_WITHIN_SECONDS:
            self.findings.revoked_accepted.append(f"the api, {after:.2f} s after: {answer}, {self!r}")
        elif session.ending_at is None:
            self.findings.verified_at.append(answer.received_at)

    async def _end(self, sessions: list[Session], path: str, asking: Session) -> None:
        ending_at = time.monotonic()
        for session in sessions:
            session.ending_at = session.ending_at or ending_at
        cookies = f"{_SESSION_COOKIE}={asking.cookie}; {_REFRESH_COOKIE}={asking.refresh_token}"
        while True:
            answer = await self._ask("logout", self.issuer, "POST", path, {"Cookie": cookies})
            if answer is not None and answer.status == 204:
                break
            self._only_unavailable("logout", answer)
            await asyncio.sleep(_AGAIN_SECONDS)
        for session in sessions:
            session.ended_at = answer.received_at
        self.findings.signed_out += len(sessions)

    async def _post_refresh(self, token: str) -> Answer | None:
        headers = {"Cookie": f"{_REFRESH_COOKIE}={token}"}
        return await self._ask("refresh", self.issuer, "POST", "/auth/v1/refresh", headers)

    async def _ask(
        self, what: str, way: Way, method: str, path: str, headers: Mapping[str, str], body: object = None
    ) -> Answer | None:
        findings = self.findings
        try:
            answer = await way.ask(request(method, path, {**self._unsafe, **headers}, body))
        except Lost as error:
            findings.lost[what] += 1
            self._remember(f"{what} {error}")
            return None
        findings.answers[f"{what} {answer.status}"] += 1
        took = answer.received_at - answer.sent_at
        findings.slowest[what] = max(findings.slowest.get(what, 0.0), took)
        self._remember(f"{what} {answer.status} after {took:.2f} s")
        return answer

    def _remember(self, text: str) -> None:
        self.told.append(f"{time.monotonic() - self.findings.began_at:.2f} {text}")

    def _is_unavailable(self, what: str, answer: Answer) -> bool:
        # 502 and 504 are the edge's own words for the same.
        if answer.status not in (502, 503, 504):
            return False
        if "retry-after" not in answer.headers:
            self._wrong(what, answer)
        return True

    def _only_unavailable(self, what: str, answer: Answer | None) -> None:
        if answer is not None and not self._is_unavailable(what, answer):
            self._wrong(what, answer)

    def _wrong(self, what: str, answer: Answer) -> None:
        self.findings.wrong.append(f"{what}: {answer}, {self!r}")


def _is_invalid_grant(answer: Answer) -> bool:
    return answer.status == 400 and answer.code == "invalid_grant"


def parsed(session: Session) -> PresentedToken:
    """Return what the newest refresh token says of itself."""
    token = parse_refresh_token(Secret(session.refresh_token))
    assert token is not None
    return token


def generation_of(session: Session) -> int:
    """Return how often the session was refreshed."""
    return parsed(session).generation
