"""Canary secrets, driven through every route of the api beside a real issuer, and what both write down afterwards."""

from __future__ import annotations

import io
from collections.abc import AsyncIterator, Iterator
from contextlib import ExitStack
from pathlib import Path

import httpx
import pytest
from api_world import ISSUER
from both_services import BothServices, running_both
from canaries import assert_none_in, drive, everything_logged, known_by, secrets_of
from paseport.revocation import SubjectChange


@pytest.fixture
def log() -> Iterator[io.BytesIO]:
    with everything_logged() as stream:
        yield stream


@pytest.fixture
async def both(log: io.BytesIO, tmp_path: Path) -> AsyncIterator[BothServices]:
    async with running_both(tmp_path) as both:
        yield both


async def written_down(both: BothServices, log: io.BytesIO) -> str:
    """Everything that stays: the log of both services, their metrics."""
    metrics = []
    for app in (both.api_internal, both.issuer.internal):
        async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url=ISSUER) as operator:
            answer = await operator.get("/metrics")
            assert answer.status_code == 200
            metrics.append(answer.text)
    return log.getvalue().decode() + "".join(metrics)


async def test_no_secret_is_written_down_whatever_route_it_is_sent_to(both: BothServices, log: io.BytesIO) -> None:
    """LG-21, P11: the public port as an administrator, and the internal one."""
    secrets = await secrets_of(both.issuer)
    root = known_by(await both.issuer.token("root"))

    await drive(both.api_public, ISSUER, root, secrets, lambda path: path.startswith("/api/"))
    await drive(both.api_internal, "http://127.0.0.1:3011", {}, secrets, lambda path: path != "/nothing")

    written = await written_down(both, log)
    assert written.count('"event":"request"') > 1_000
    assert '"route":"/internal/v1/principals"' in written
    assert_none_in(written, secrets)


@pytest.mark.parametrize(
    ("down", "reason"),
    [
        (["redis"], "rehearsed outage"),
        (["issuer"], "the issuer did not answer"),
        (["redis", "issuer"], "the revocation feed is stale"),
    ],
    ids=["redis", "issuer", "both"],
)
async def test_an_outage_is_explained_without_a_secret(
    both: BothServices, log: io.BytesIO, down: list[str], reason: str
) -> None:
    """LG-21: the reason stands in the log and not in the answer; what was sent stands in neither."""
    secrets = await secrets_of(both.issuer)
    await use_everything(both, secrets)
    outages = {"redis": both.outages.redis, "issuer": both.internal_port.outage}

    with ExitStack() as stack:
        for name in down:
            stack.enter_context(outages[name])
        if len(down) == len(outages):
            both.issuer.world.clock.advance(6)
        # The api's copies of subjects are old, so that it has to ask.
        both.api.use.revocations.learn(SubjectChange())
        answers = await use_everything(both, secrets)

    assert {answer.status_code for answer in answers} <= {200, 401, 403, 503}
    for answer in answers:
        assert reason not in answer.text
        assert_none_in(answer.text + repr(answer.headers), secrets)
    written = await written_down(both, log)
    assert reason in written
    assert_none_in(written, secrets)


async def test_a_bug_is_explained_without_a_secret(both: BothServices, log: io.BytesIO) -> None:
    """LG-21: the traceback of a 500 shows code, no values."""
    secrets = await secrets_of(both.issuer)

    async def broken(*_: object) -> None:
        raise RuntimeError("a bug")

    both.issuer.world.sessions.list_for_user = broken  # type: ignore[method-assign, assignment] - the api reads them
    answers = await use_everything(both, secrets)

    assert 500 in {answer.status_code for answer in answers}
    assert "a bug" not in "".join(answer.text for answer in answers)
    written = await written_down(both, log)
    assert "RuntimeError: a bug" in written
    assert_none_in(written, secrets)


async def use_everything(both: BothServices, secrets: dict[str, str]) -> list[httpx.Response]:
    """Present every secret as a token, and use the one that is."""
    answers = []
    for secret in secrets.values():
        async with both.asking_api(secret) as somebody:
            answers += [
                await somebody.get(path) for path in ("/api/dashboard", "/api/admin/revocations", "/api/health/ready")
            ]
    return answers
