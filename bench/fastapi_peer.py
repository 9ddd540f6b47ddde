"""The peer: forward-auth as small teams write it today, with FastAPI, Redis and an afternoon.

A token is any text. ``tokens:<SHA-256 of token and pepper>`` is a hash of the hosts that it is good for, an e-mail
address, a comment and how many requests a minute it may make; its life is the key's. Who asks is counted in Redis.

``python -m bench.fastapi_peer`` takes Redis' address from ``REDIS_URL``, prints its port and serves until a signal. It
runs under the same server as everything here, with the same options.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from functools import partial
from typing import Annotated, Any, Final, cast

import redis.asyncio
import redis.exceptions
import uvloop
from fastapi import FastAPI, Header, HTTPException, Response
from litestar.types import ASGIApp

from bench.workers import serve_on

PEPPER: Final = "pepper-of-the-peer"
_LIFE_SECONDS: Final = 90 * 86_400
_WINDOW_SECONDS: Final = 60
_PAGE: Final = 500


def record_key(token: str) -> str:
    """Return where Redis has a token."""
    return f"tokens:{hashlib.sha256((token + PEPPER).encode()).hexdigest()}"


async def store_tokens(url: str, tokens: Sequence[str], hosts: Sequence[str], per_minute: int) -> None:
    """Put tokens where the peer looks. ``per_minute`` 0 is no limit."""
    async with redis.asyncio.Redis.from_url(url) as client:
        for first in range(0, len(tokens), _PAGE):
            pipeline = client.pipeline(transaction=False)
            for token in tokens[first : first + _PAGE]:
                record: Any = {
                    "hosts": json.dumps(list(hosts)),
                    "email": "somebody@example.com",
                    "comment": "a token of the bench",
                    "rate_limit": str(per_minute),
                }
                pipeline.hset(record_key(token), mapping=record)
                pipeline.expire(record_key(token), _LIFE_SECONDS)
            await pipeline.execute()


def peer_app(client: Any) -> FastAPI:
    """Return the application; ``client`` is redis-py's."""
    app = FastAPI(openapi_url=None)

    @app.get("/auth")
    async def auth(
        authorization: Annotated[str | None, Header()] = None,
        x_forwarded_host: Annotated[str | None, Header()] = None,
    ) -> Response:
        scheme, _, token = (authorization or "").partition(" ")
        if scheme.lower() != "bearer" or not token:
            raise HTTPException(401, "no token")
        key = record_key(token)
        try:
            record = await client.hgetall(key)
            if not record:
                raise HTTPException(401, "unknown token")
            if x_forwarded_host not in json.loads(record["hosts"]):
                raise HTTPException(403, "not for this host")
            if limit := int(record["rate_limit"]):
                counter = f"rate:{key}:{int(time.time()) // _WINDOW_SECONDS}"
                async with client.pipeline(transaction=False) as pipeline:
                    pipeline.incr(counter)
                    pipeline.expire(counter, _WINDOW_SECONDS)
                    count, _ = await pipeline.execute()
                if count > limit:
                    raise HTTPException(429, "too many requests")
        except redis.exceptions.RedisError as error:
            raise HTTPException(503, "Redis is away") from error
        return Response("OK", headers={"X-Forwarded-User": record["email"]}, media_type="text/plain")

    return app


@asynccontextmanager
async def _opened(url: str) -> AsyncIterator[ASGIApp]:
    async with redis.asyncio.Redis.from_url(url, decode_responses=True) as client:
        yield cast(ASGIApp, peer_app(client))


def main() -> None:
    """Serve until a signal."""
    parser = argparse.ArgumentParser(prog="python -m bench.fastapi_peer")
    parser.add_argument("--port", type=int, default=0)
    arguments = parser.parse_args()
    uvloop.run(serve_on(arguments.port, partial(_opened, os.environ["REDIS_URL"])))


if __name__ == "__main__":
    main()
