"""The memory of issuer and api on the production stack, once they have done everything and answered a load."""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from bench.figures import BenchProblem, Bound, Figure, Gate, figure_of
from bench.http import connections
from bench.load import Generator, Job, generator
from bench.processes import resident_mib
from bench.product import Product, SignedIn, expect
from bench.servers import product_of, running_stack, sign_in, sign_in_users

_USERS: Final = 16
_SECONDS: Final = 6.0
_WARM_UP_SECONDS: Final = 0.5
_IDLE_SECONDS: Final = 5.0
_LOOKS: Final = 10
_GATE: Final = Gate(Bound.AT_MOST, 130)


async def measure_stack_memory() -> Sequence[Figure]:
    """Use every kind of route, refresh and read with 16 connections, then look for five idle seconds."""
    with tempfile.TemporaryDirectory(prefix="paseport-bench-") as folder:
        async with running_stack() as stack, generator(Path(folder) / "log") as load:
            issuer, api = product_of(stack, stack.issuers[0]), product_of(stack, stack.apis[0])
            fresh = [resident_mib(product.pid) for product in (issuer, api)]
            people = await sign_in_users(stack, issuer, _USERS)
            async with connections(issuer.port, 1) as (connection,):
                admin = await sign_in(issuer, connection, stack.admin)
                for target in ("/users/v1", "/.well-known/paserk.json", "/openapi.json", "/health/ready"):
                    expect(await connection.ask(_get(issuer, target, admin)), 200)
            async with connections(api.port, 1) as (connection,):
                expect(await connection.ask(api.dashboard(admin.access_token)), 200)
                for target in ("/api/openapi.json", "/api/health/ready"):
                    expect(await connection.ask(_get(api, target, admin)), 200)
            await _load(load, issuer, [issuer.refresh(one.refresh_token) for one in people], issuer.refresh_cookie)
            await _load(load, api, [api.dashboard(one.access_token) for one in people])
            loaded = await _looks([issuer, api])
    return [
        figure_of("issuer, resident memory when it is ready", "MiB", fresh[:1]),
        _after("issuer", loaded[0]),
        figure_of("api, resident memory when it is ready", "MiB", fresh[1:]),
        _after("api", loaded[1]),
    ]


def _after(service: str, looks: Sequence[float]) -> Figure:
    # The largest counts.
    return Figure(f"{service}, after the load", "MiB", min(looks), max(looks), max(looks), _GATE)


def _get(product: Product, target: str, who: SignedIn) -> bytes:
    return product.request("GET", target, authorization=f"Bearer {who.access_token}")


async def _load(load: Generator, product: Product, requests: list[bytes], follows: str | None = None) -> None:
    measured = await load.run(Job(product.port, product.pid, requests, _WARM_UP_SECONDS, _SECONDS, follows))
    if measured.wrong or not measured.requests:
        raise BenchProblem(f"{measured.wrong} of {measured.requests} answers were not 200")


async def _looks(products: Sequence[Product]) -> list[list[float]]:
    looks: list[list[float]] = [[] for _ in products]
    for _ in range(_LOOKS):
        await asyncio.sleep(_IDLE_SECONDS / _LOOKS)
        for product, sizes in zip(products, looks, strict=True):
            sizes.append(resident_mib(product.pid))
    return looks
