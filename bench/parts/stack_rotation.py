"""Ten rotations of the key of access tokens on the production stack, and an emergency, while two apis decide (P5).

The key document is good for a minute, as by default. What takes half an hour is waiting: a version signs once every
verifier can have read it.
"""

from __future__ import annotations

import asyncio
import base64
import time
from collections.abc import Sequence
from typing import Any, Final

from paseport_testkit.harness.stack import Stack
from paseport_testkit.harness.vault import ACCESS_KEY

from bench.deciding import under_load, watching
from bench.figures import BenchProblem, Bound, Figure, Gate, figure_of
from bench.http import Answer, connections
from bench.product import expect, signed_in
from bench.servers import product_of, running_stack, sign_in

_ROTATIONS: Final = 10
_MAX_AGE_SECONDS: Final = 60
_LIFETIME: Final = "3600"
"""Of access tokens in seconds: those of all keys are shown until the end."""
_APIS: Final = 2
_LOOK_SECONDS: Final = 1.0
_SIGNS_WITHIN_SECONDS: Final = 30.0
_NONE: Final = Gate(Bound.AT_MOST, 0)


async def measure_stack_rotation() -> Sequence[Figure]:
    """Rotate; each new token joins those that are shown all the time. Then revoke the key that signs."""
    settings = {"PASEPORT_KEY_DOCUMENT_MAX_AGE": str(_MAX_AGE_SECONDS), "ACCESS_TOKEN_TTL": _LIFETIME}
    async with running_stack(apis=_APIS, **settings) as stack:
        apis = [product_of(stack, api) for api in stack.apis.values()]
        operator = _Operator(stack)
        tokens, took = [await operator.token()], []
        async with under_load(apis, tokens) as loads:
            for _ in range(_ROTATIONS):
                began = time.perf_counter()
                tokens.append(await operator.rotate())
                took.append(time.perf_counter() - began)
        # A service closes connections that say nothing for as long as an operator's steps may take.
        async with under_load(apis, tokens[:-1]) as beside:
            async with watching(apis) as watch:
                await watch(tokens[-1], lambda answer: answer.status == 200)
            replacement = await operator.revoke_what_signs()
            async with watching(apis) as watch:
                refused = await watch(tokens[-1], lambda answer: answer.status == 401)
            first = await operator.token_of(replacement)
            async with watching(apis) as watch:
                answers = await watch.ask(first)
    return [
        figure_of(f"{_ROTATIONS} rotations, key document good for {_MAX_AGE_SECONDS} s: each", "s", took),
        figure_of("decisions meanwhile", "", [sum(one.requests for one in loads)]),
        figure_of("… good tokens refused, of all keys", "", [sum(one.wrong for one in loads)], _NONE),
        figure_of("a revoked key, acknowledged → refused, worst", "ms", [max(refused)], Gate(Bound.AT_MOST, 10_000)),
        figure_of("… its replacement's first token refused", "", [sum(one.status != 200 for one in answers)], _NONE),
        figure_of("… good tokens of other keys refused meanwhile", "", [sum(one.wrong for one in beside)], _NONE),
    ]


class _Operator:
    """The first administrator, who signs in anew for each step: the key that signs is what changes."""

    def __init__(self, stack: Stack) -> None:
        self._stack = stack
        self._issuer = product_of(stack, stack.issuers[0])

    async def token(self) -> str:
        """Return a fresh access token."""
        async with connections(self._issuer.port, 1) as (connection,):
            return (await sign_in(self._issuer, connection, self._stack.admin)).access_token

    async def rotate(self) -> str:
        """Publish a version and let it sign as soon as it may; return the first token that it signed."""
        await asyncio.to_thread(self._stack.vault.rotate, ACCESS_KEY)
        published = expect(await self._ask("POST", "/keys/v1/access/publish", {"create": True}), 200).json()
        activate = f"/keys/v1/access/versions/{published['version']}/activate"
        answer = await self._ask("POST", activate)
        while answer.status == 409:
            await asyncio.sleep(int(answer.headers["retry-after"]))
            answer = await self._ask("POST", activate)
        expect(answer, 200)
        return await self.token_of(published["kid"])

    async def revoke_what_signs(self) -> str:
        """Revoke the active version in favour of a new one; return the id of that one."""
        items = expect(await self._ask("GET", "/keys/v1"), 200).json()["items"]
        (active,) = [item for item in items if item["key"] == "access" and item["status"] == "active"]
        await asyncio.to_thread(self._stack.vault.rotate, ACCESS_KEY)
        path = f"/keys/v1/access/versions/{active['version']}/revoke"
        answer = expect(await self._ask("POST", path, {"replace": True}), 200).json()
        kid: str = answer["signs"]["kid"]
        return kid

    async def token_of(self, kid: str) -> str:
        """Return an access token of this key, as soon as there is one."""
        end = time.perf_counter() + _SIGNS_WITHIN_SECONDS
        login = self._issuer.login(self._stack.admin.username, self._stack.admin.password)
        while time.perf_counter() < end:
            async with connections(self._issuer.port, 1) as (connection,):
                answer = await connection.ask(login)
            # 503: nothing is signed until the key that takes the place of a revoked one is known.
            if answer.status != 503:
                token = signed_in(answer).access_token
                if _kid_of(token) == kid:
                    return token
            await asyncio.sleep(_LOOK_SECONDS)
        raise BenchProblem(f"nothing is signed with the new key after {_SIGNS_WITHIN_SECONDS:.0f} s")

    async def _ask(self, method: str, path: str, body: Any = None) -> Answer:
        authorization = f"Bearer {await self.token()}"
        async with connections(self._issuer.port, 1) as (connection,):
            return await connection.ask(self._issuer.request(method, path, body, authorization=authorization))


def _kid_of(token: str) -> str:
    footer = token.rpartition(".")[2]
    return base64.urlsafe_b64decode(footer + "=" * (-len(footer) % 4)).decode().split('"')[3]
