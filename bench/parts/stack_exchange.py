"""How long one code exchange takes on the production stack, beside what it cannot do without.

Those are one run of a script in Redis, with the confirmation by a replica, and two signatures by Vault Transit: of the
access token (Ed25519) and of the ID token (RSA). They are asked with the drivers alone, between the same exchanges.
"""

from __future__ import annotations

import asyncio
import base64
import hashlib
import secrets
import time
from collections import Counter
from collections.abc import Callable, Sequence
from typing import Final
from urllib.parse import parse_qsl, quote, urlencode, urlsplit

import hvac  # type: ignore[import-untyped]  # it ships no types
from paseport_testkit.harness.stack import Stack
from paseport_testkit.harness.vault import ACCESS_KEY, ID_KEY, Vault

from bench.figures import BenchProblem, Bound, Figure, Gate, figure_of, percentile
from bench.http import Answer, Connection, connections
from bench.parts.stack_refresh import confirmed_script, milliseconds_of
from bench.product import Product, expect
from bench.servers import product_of, running_stack

_ROUNDS: Final = 6
_EACH: Final = 60
"""Of everything, in one round."""
_TOKEN_BYTES: Final = 460
"""An access token, or an ID token, before it is signed."""
_CROWD: Final = 100


async def measure_stack_exchange() -> Sequence[Figure]:
    """Take turns: the script, both signatures, exchanges; then a hundred at once with one code."""
    async with running_stack() as stack:
        party = _Party(stack, product_of(stack, stack.issuers[0]))
        await party.sign_in()
        steps = [
            confirmed_script(stack.redis.primary()),
            _signature(stack.vault, ACCESS_KEY),
            _signature(stack.vault, ID_KEY, hash_algorithm="sha2-256", signature_algorithm="pkcs1v15"),
        ]
        rounds = [
            (*[[milliseconds_of(step) for _ in range(_EACH)] for step in steps], await party.exchange_many(_EACH))
            for _ in range(_ROUNDS + 1)
        ]
        winners = [await party.redeem_at_once(_CROWD) for _ in range(_ROUNDS)]
    # The first one opened connections and loaded code.
    scripts, access, ids, exchanges = zip(*rounds[1:], strict=True)
    return [
        figure_of("the script and its confirmation alone, p50", "ms", [percentile(one, 0.5) for one in scripts]),
        figure_of("an Ed25519 signature of Transit alone, p50", "ms", [percentile(one, 0.5) for one in access]),
        figure_of("an RSA signature of Transit alone, p50", "ms", [percentile(one, 0.5) for one in ids]),
        figure_of("code exchange over HTTP, p50", "ms", [percentile(one, 0.5) for one in exchanges]),
        figure_of("… p99", "ms", [percentile(one, 0.99) for one in exchanges]),
        figure_of(
            "exchange ÷ (script + both signatures), p50",
            "",
            [percentile(exchange, 0.5) / sum(percentile(one, 0.5) for one in alone) for *alone, exchange in rounds[1:]],
            Gate(Bound.AT_MOST, 3),
        ),
        figure_of(f"one code, {_CROWD} at once: answered with tokens", "", winners, Gate(Bound.AT_LEAST, 1)),
        figure_of("… rounds without exactly one", "", [abs(one - 1) for one in winners], Gate(Bound.AT_MOST, 0)),
    ]


class _Party:
    """The seeded client, and somebody who has signed in and agreed once."""

    def __init__(self, stack: Stack, product: Product) -> None:
        self._client = stack.client
        self._account = stack.admin
        self._product = product
        self._cookies: dict[str, str] = {}
        self._verifier = secrets.token_urlsafe(48)

    async def sign_in(self) -> None:
        """Sign in, and agree to what the client asks for."""
        async with connections(self._product.port, 1) as (connection,):
            body = {"username": self._account.username, "password": self._account.password}
            await self._ask(connection, "POST", "/auth/v1/login/local", body)
            asked = await self._authorize(connection)
            location = asked.headers["location"]
            if location.startswith("/consent"):
                path = f"/auth/v1/transactions/{location.rpartition('=')[2]}/consent"
                expect(await self._ask(connection, "POST", path, {"approve": True}), 200)

    async def exchange_many(self, count: int) -> list[float]:
        """Exchange so many codes, and return how many milliseconds each exchange took."""
        async with connections(self._product.port, 1) as (connection,):
            return [await self._exchange(connection) for _ in range(count)]

    async def redeem_at_once(self, count: int) -> int:
        """Redeem one code so many times at once; return how many got tokens."""
        async with connections(self._product.port, count) as opened:
            message = self._redemption(await self._code(opened[0]))
            answers = await asyncio.gather(*(connection.ask(message) for connection in opened))
        statuses = Counter(answer.status for answer in answers)
        # More than may wait for Vault at a time are told to come back; they have used nothing up.
        if statuses.keys() - {200, 400, 503}:
            raise BenchProblem(f"answered {dict(statuses)}")
        return statuses[200]

    async def _exchange(self, connection: Connection) -> float:
        message = self._redemption(await self._code(connection))
        began = time.perf_counter()
        answer = await connection.ask(message)
        milliseconds = (time.perf_counter() - began) * 1e3
        expect(answer, 200)
        return milliseconds

    async def _code(self, connection: Connection) -> str:
        answer = expect(await self._authorize(connection), 303)
        return dict(parse_qsl(urlsplit(answer.headers["location"]).query))["code"]

    async def _authorize(self, connection: Connection) -> Answer:
        digest = hashlib.sha256(self._verifier.encode()).digest()
        parameters = {
            "response_type": "code",
            "client_id": self._client["client_id"],
            "redirect_uri": self._client["redirect_uris"][0],
            "scope": "openid profile email",
            "code_challenge": base64.urlsafe_b64encode(digest).rstrip(b"=").decode(),
            "code_challenge_method": "S256",
        }
        return await self._ask(connection, "GET", f"/oauth2/authorize?{urlencode(parameters)}")

    async def _ask(self, connection: Connection, method: str, target: str, body: object = None) -> Answer:
        cookie = "; ".join(f"{name}={value}" for name, value in self._cookies.items())
        answer = await connection.ask(
            self._product.request(method, target, body, **({"cookie": cookie} if cookie else {}))
        )
        self._cookies |= answer.cookies
        return answer

    def _redemption(self, code: str) -> bytes:
        form = urlencode(
            {
                "grant_type": "authorization_code",
                "code": code,
                "redirect_uri": self._client["redirect_uris"][0],
                "code_verifier": self._verifier,
            }
        ).encode()
        credentials = f"{quote(self._client['client_id'])}:{quote(self._client['secret'])}"
        head = self._product.request(
            "GET",
            "/oauth2/token",
            authorization=f"Basic {base64.b64encode(credentials.encode()).decode()}",
            content_type="application/x-www-form-urlencoded",
            content_length=str(len(form)),
        )
        return b"POST" + head.removeprefix(b"GET") + form


def _signature(vault: Vault, key: str, **options: str) -> Callable[[], None]:
    client = hvac.Client(url=vault.url, token=vault.root_token)
    message = base64.b64encode(b"x" * _TOKEN_BYTES).decode()

    def step() -> None:
        client.secrets.transit.sign_data(
            key, hash_input=message, key_version=1, mount_point=vault.mount_path, **options
        )

    return step
