"""The real api on memory adapters as a process of its own, with three callers and one small policy.

``python FILE PORT FOLDER``. Who sends what, and who may do what, is the same on both sides: tests import this file.
Each decision is explained at once; what the two said stands in ``FOLDER/explained.jsonl``, a line each.
"""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import Hashable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final
from uuid import UUID

import uvloop
from api_world import PEPPER, ApiWorld
from paseport.secret import Secret
from paseport_api.settings import ForwardAuthVariables
from paseport_api.use_cases.decide_request import DecideRequest, Outcome, Presented, ProxyRequest
from paseport_api.use_cases.explain_policy import (
    AskedRequest,
    Asking,
    AskingKey,
    AskingNobody,
    AskingUser,
    ExplainPolicy,
)
from paseport_shared.domain.models.api_key import (
    ApiKey,
    ApiKeyPeppers,
    ApiKeySecret,
    new_api_key,
    new_api_key_id,
    parse_api_key,
)
from paseport_shared.domain.models.policy import Access, CredentialKind, PathPattern, Policy, Rule
from paseport_shared.domain.models.rate_limit import RateLimit
from paseport_shared.http.server import listen, serve, stop_on_signals
from paseport_testkit.harness.ports import HOST
from proxy_corpus import APP, OPEN, Caller

LOCAL: Final = "localhost"
"""A host that needs no name service, for programs that look names up. Its certificate is genuine."""
_READ: Final = frozenset({"GET", "HEAD"})
_ADMIN: Final = frozenset({"Admin"})
POLICY: Final = Policy(
    [
        Rule(name="public", access=Access.PUBLIC, hosts=(APP,), paths=(PathPattern("/public/**"),), methods=_READ),
        Rule(
            name="admin", access=Access.SIGNED_IN, hosts=(APP, LOCAL), paths=(PathPattern("/admin/**"),), roles=_ADMIN
        ),
        Rule(name="reading", access=Access.SIGNED_IN, hosts=(APP,), methods=_READ),
        Rule(name="writing", access=Access.SIGNED_IN, hosts=(APP,), roles=_ADMIN),
        Rule(name="open", access=Access.PUBLIC, hosts=(OPEN, LOCAL)),
    ]
)
USERS: Final = {
    Caller.USER: (UUID("01900000-0000-7000-8000-00000000000a"), "ada", "User"),
    Caller.ADMIN: (UUID("01900000-0000-7000-8000-00000000000b"), "grace", "Admin"),
}


def _new_key(number: int) -> str:
    return new_api_key(new_api_key_id(bytes([number] * 12)), bytes([number] * 32)).reveal()


KEYS: Final = {caller: _new_key(number) for number, caller in enumerate(USERS, start=1)}
LIMITED_KEY: Final = _new_key(9)
"""A key of the user's that is good for one request a day, whichever node is asked."""
EXPLAINED: Final = "explained.jsonl"
_MADE: Final = datetime(2025, 1, 1, tzinfo=UTC)


async def main(port: int, folder: Path) -> None:
    # A clock that stands still counts every try into one minute.
    rules = ForwardAuthVariables(bad_credentials=0)
    world = ApiWorld(folder, trusted_proxies=("127.0.0.1/32",), edge_hosts=(APP,), forward_auth=rules)
    world.policies.policy = POLICY
    stop = asyncio.Event()
    stop_on_signals(stop)
    use = world.api.use
    decisions = ExplainedDecisions(use.decide_request, use.explain_policy, folder / EXPLAINED)
    world.api.use = replace(use, decide_request=decisions)
    async with world:
        for caller, (user_id, username, role) in USERS.items():
            await world.user(role, user_id=user_id, username=username)
            await world.api_keys.put([_key(caller, KEYS[caller])])
        limit = RateLimit(1, timedelta(days=1), strict=True)
        await world.api_keys.put([replace(_key(Caller.USER, LIMITED_KEY), rate_limit=limit)])
        await serve([(world.app, listen(HOST, port))], stop)


class ExplainedDecisions(DecideRequest):
    """Decides as another one does, has the same request explained, and writes both down."""

    def __init__(self, decide: DecideRequest, explain: ExplainPolicy, path: Path) -> None:
        self._decide_request = decide
        self._explain = explain
        self._file = path.open("w", buffering=1)

    def recall(self, asked: Hashable) -> Outcome | None:
        return self._decide_request.recall(asked)

    def recall_refusal(self, asked: Hashable) -> Outcome | None:
        return self._decide_request.recall_refusal(asked)

    async def __call__(self, request: ProxyRequest, asked: Hashable | None = None, *, is_junk: bool = False) -> Outcome:
        outcome = await self._decide_request(request, asked, is_junk=is_junk)
        if _can_be_told(request):
            what = AskedRequest(request.host, request.target, request.method, request.address)
            explanation = await self._explain(what, _asking(request.presented))
            both = (outcome.decision, explanation.decision)
            words = [[each.reason.value, each.rule, each.remedy] for each in both]
            if CredentialKind.SESSION in {one.kind for one in request.presented}:
                # Why a cookie is none is nobody's to ask.
                words = [each[:2] for each in words]
            self._file.write(json.dumps([repr(request), *words]) + "\n")
        return outcome


def _can_be_told(request: ProxyRequest) -> bool:
    """Say whether all that the decision depends on can be asked about: more than that, only a real request shows."""
    return request.problem is None and not request.is_ambiguous and len(set(request.presented)) < 2


def _asking(presented: tuple[Presented, ...]) -> Asking:
    if not presented:
        return AskingNobody()
    key = parse_api_key(presented[0].text)
    return AskingUser("nobody of this name") if key is None else AskingKey(key.id)


def _key(caller: Caller, text: str) -> ApiKey:
    presented = parse_api_key(text)
    assert presented is not None
    peppers = ApiKeyPeppers({1: Secret(PEPPER.encode())})
    digest = peppers.digest(presented, 1)
    assert digest is not None
    user_id, _, role = USERS[caller]
    return ApiKey(
        id=presented.id,
        owner_id=user_id,
        name=caller.value,
        roles=frozenset({role}),
        secrets=(ApiKeySecret(digest, 1, _MADE),),
        created_at=_MADE,
        updated_at=_MADE,
    )


if __name__ == "__main__":
    uvloop.run(main(int(sys.argv[1]), Path(sys.argv[2])))
