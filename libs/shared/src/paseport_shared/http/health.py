"""Liveness, which touches nothing, and readiness, which names every part and says which one is missing (FT-23)."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from typing import Final, Literal

import msgspec
import structlog
from litestar import Response, get
from litestar.handlers import HTTPRouteHandler
from msgspec import UNSET, UnsetType
from paseport.deadline import Deadline

from paseport_shared.domain.errors import Unavailable
from paseport_shared.domain.models.service_reading import Part

CHECK_SECONDS: Final = 2.0

Check = Callable[[], Awaitable[None]]
"""Returns when the part answers, raises ``Unavailable`` when it does not."""

ReadParts = Callable[[], Awaitable[Sequence[Part]]]
"""Says of each part whether it is up; raises nothing."""

_log = structlog.get_logger(__name__)


class LiveResponse(msgspec.Struct, frozen=True):
    """The process runs."""

    status: Literal["ok"]


class PartResponse(msgspec.Struct, frozen=True):
    """One part that the service needs. ``detail`` is for operators and holds no address and no secret."""

    name: str
    status: Literal["up", "down"]
    detail: str | UnsetType = UNSET


class ReadyResponse(msgspec.Struct, frozen=True):
    """Whether the service can do its work, and which part is missing."""

    status: Literal["ready", "not_ready"]
    parts: list[PartResponse]


async def check_parts(checks: Mapping[str, Check]) -> tuple[Part, ...]:
    """Ask all parts at once, each with a deadline of 2 s. Whatever a check raises, its part is down."""
    return tuple(await asyncio.gather(*(_check(name, check) for name, check in checks.items())))


def health_handlers(
    checks: Mapping[str, Check] | ReadParts, prefix: str = "/health", *, optional: Collection[str] = ()
) -> list[HTTPRouteHandler]:
    """Return the handlers of ``<prefix>/live`` and ``<prefix>/ready``.

    ``checks`` are the parts by name, or a function that reads them. A part named in ``optional`` is shown, and the
    service is ready without it.
    """

    @get(f"{prefix}/live", sync_to_thread=False)
    def live() -> LiveResponse:
        """Say that the process runs."""
        return LiveResponse("ok")

    @get(f"{prefix}/ready")
    async def ready() -> Response[ReadyResponse]:
        """Say whether the service can do its work; 503 names what is missing."""
        parts = await (checks() if callable(checks) else check_parts(checks))
        is_ready = all(part.is_up or part.name in optional for part in parts)
        answer = ReadyResponse("ready" if is_ready else "not_ready", [_shown(part) for part in parts])
        if is_ready:
            return Response(answer)
        return Response(answer, status_code=503, headers={"Retry-After": "1"})

    return [live, ready]


def _shown(part: Part) -> PartResponse:
    return PartResponse(part.name, "up" if part.is_up else "down", UNSET if part.detail is None else part.detail)


async def _check(name: str, check: Check) -> Part:
    try:
        async with Deadline(CHECK_SECONDS):
            await check()
    except TimeoutError:
        return Part(name, is_up=False, detail=f"Did not answer within {CHECK_SECONDS:g} s.")
    except Unavailable as error:
        # Probes come every few seconds; WatchParts says it once.
        _log.debug("part_unavailable", part=name, reason=error.reason)
        return Part(name, is_up=False, detail="Does not answer.")
    except Exception as error:
        # A readiness that fails itself would hide which part it is.
        _log.error("check_failed", part=name, exc_info=error)
        return Part(name, is_up=False, detail="The check failed.")
    return Part(name, is_up=True)
