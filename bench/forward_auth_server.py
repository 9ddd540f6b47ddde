"""An api to measure: the real app on adapters in memory, with rules, asked about API keys (``bench.api_keys``).

``python -m bench.forward_auth_server`` prints its port and serves until a signal. It takes keys from the directory in
the Redis that ``REDIS_URL`` and its like name, where strict limits are counted, uses and denials go too; with
``--keys N`` it has so many in memory instead, and no Redis.
"""

from __future__ import annotations

if __name__ == "__main__":
    # As in the service's own entry point.
    import paseport_shared.lean  # noqa: F401

import argparse
import os
import sys
import tempfile
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Final

import uvloop
from litestar.types import ASGIApp
from paseport.redis.access import RedisAccess
from paseport.secret import Secret
from paseport_api.app import Api
from paseport_api.settings import ForwardAuthVariables
from paseport_api.wiring import EdgeAdapters
from paseport_shared.adapters.memory.api_key_directory import MemoryApiKeyDirectory
from paseport_shared.adapters.policy_file.policy_file import PolicyFile
from paseport_shared.adapters.re2.pattern_matcher import Re2PatternMatcher
from paseport_shared.adapters.redis.api_key_directory import RedisApiKeyDirectory
from paseport_shared.adapters.redis.api_key_usage import RedisApiKeyUsage
from paseport_shared.adapters.redis.decision_log import RedisDecisionLog
from paseport_shared.adapters.redis.shared_rates import RedisSharedRates
from paseport_shared.http.logging import configure_logging
from paseport_shared.production_settings import RedisVariables
from paseport_shared.settings import load_settings
from paseport_shared.wiring import redis_settings

from bench.api_keys import PEPPER, ROUTED_HOST, put_keys
from bench.verify_server import api_settings, opened_adapters
from bench.workers import serve_on

_POLICY: Final = f"""
rules:
  - name: nobody
    hosts: [{ROUTED_HOST}]
    paths: [/internal/**]
    access: deny
  - name: health
    hosts: [{ROUTED_HOST}]
    paths: [/health, /static/**]
    methods: [GET, HEAD]
    access: public
  - name: administration
    hosts: [{ROUTED_HOST}]
    paths: [/admin/**]
    roles: [Admin]
    networks: [10.0.0.0/8]
  - name: reports
    hosts: [{ROUTED_HOST}, "*.internal.example.com"]
    paths: [/reports/**, /items/**]
    roles: [User]
    scopes: [reports]
"""
"""What stands before the rule that lets pass is looked at each time that a request is new."""
_NO_KEYS: Final = b'{"keys":[]}'


@asynccontextmanager
async def _opened_app(keys: int | None) -> AsyncIterator[ASGIApp]:
    settings = api_settings(
        api_key_pepper=Secret(PEPPER),
        trusted_proxies=("127.0.0.0/8",),
        # One address sends everything here, what is no good included.
        forward_auth=ForwardAuthVariables(bad_credentials=0),
    )
    async with AsyncExitStack() as stack:
        adapters = await stack.enter_async_context(opened_adapters(_NO_KEYS))
        policies = _policies(Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="paseport-bench-"))))
        edge = replace(adapters.edge, policies=policies, jobs={"keep policy": policies.keep})
        if keys is None:
            variables = load_settings(RedisVariables, os.environ)
            edge = _in_redis(edge, await stack.enter_async_context(RedisAccess(redis_settings(variables))))
        else:
            directory = MemoryApiKeyDirectory()
            await put_keys(directory, range(keys))
            await directory.mark_complete()
            edge = replace(edge, api_keys=directory)
        app = Api(settings, replace(adapters, edge=edge)).public_app()
        async with app.lifespan():
            yield app


def _policies(folder: Path) -> PolicyFile:
    file = folder / "policy.yml"
    file.write_text(_POLICY)
    return PolicyFile(file, Re2PatternMatcher())


def _in_redis(edge: EdgeAdapters, redis: RedisAccess) -> EdgeAdapters:
    return replace(
        edge,
        api_keys=RedisApiKeyDirectory(redis),
        api_key_usage=RedisApiKeyUsage(redis),
        shared_rates=RedisSharedRates(redis),
        decision_log=RedisDecisionLog(redis),
    )


def main() -> None:
    """Serve until a signal."""
    parser = argparse.ArgumentParser(prog="python -m bench.forward_auth_server")
    parser.add_argument("--keys", type=int, default=None, help="how many it has in memory, instead of Redis")
    parser.add_argument("--port", type=int, default=0)
    arguments = parser.parse_args()
    configure_logging("INFO", sys.stderr.buffer)
    uvloop.run(serve_on(arguments.port, partial(_opened_app, arguments.keys)))


if __name__ == "__main__":
    main()
