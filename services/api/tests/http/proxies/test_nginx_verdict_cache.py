"""nginx keeps a verdict for a second: of the same question, and of nothing else."""

from __future__ import annotations

import pytest
from guarded_services import CREDENTIALS, Authorizer
from paseport_testkit.harness.proxies import CachingNginxProxy, NginxProxy, Proxy
from paseport_testkit.harness.waiting import wait_until
from proxy_corpus import Caller
from raw_http import RawClient, request

USER, ADMIN = CREDENTIALS[Caller.USER], CREDENTIALS[Caller.ADMIN]
# Much shorter than a verdict is kept, and much longer than nginx takes to find one.
_PATIENCE_SECONDS = 0.4


def _while_nobody_decides(proxy: Proxy, authorizer: Authorizer, first: bytes, then: bytes) -> int:
    """Return the answer to ``then`` while a verdict about ``first`` is kept and nobody makes another; 0: none."""
    impatient = RawClient(proxy.host, proxy.port, timeout_seconds=_PATIENCE_SECONDS)
    with RawClient(proxy.host, proxy.port) as client, impatient:
        wait_until("the proxy serves", lambda: None if client.send(first).status == 200 else "not yet", 10)
        authorizer.pause()
        try:
            return impatient.send(then).status
        finally:
            authorizer.resume()


@pytest.mark.parametrize("proxy", [CachingNginxProxy], indirect=True)
def test_a_verdict_is_used_again_for_the_same_question(proxy: Proxy, authorizer: Authorizer) -> None:
    reading = request("/reports/kept", headers=[USER])

    assert _while_nobody_decides(proxy, authorizer, reading, reading) == 200


@pytest.mark.parametrize("proxy", [NginxProxy], indirect=True)
def test_without_the_cache_each_request_is_judged(proxy: Proxy, authorizer: Authorizer) -> None:
    reading = request("/reports/kept", headers=[USER])

    assert _while_nobody_decides(proxy, authorizer, reading, reading) != 200


@pytest.mark.parametrize("proxy", [CachingNginxProxy], indirect=True)
@pytest.mark.parametrize(
    "other",
    [
        request("/reports/kept"),
        request("/reports/kept", headers=[USER, ("Cookie", "a=b")]),
        request("/reports/kept", headers=[("X-Api-Key", USER[1].removeprefix("Bearer "))]),
        request("/reports/kept?x=1", headers=[USER]),
        request("/reports/kept/", headers=[USER]),
        request("/reports/kept", method="HEAD", headers=[USER]),
        request("/reports/kept", headers=[USER, ("Origin", "https://app.example.com")]),
        request("/reports/kept", headers=[USER], host="app.example.com:443"),
    ],
    ids=["nobody", "a cookie", "another carrier", "a query", "another path", "another method", "an origin", "a port"],
)
def test_a_verdict_is_about_everything_that_was_asked(proxy: Proxy, authorizer: Authorizer, other: bytes) -> None:
    assert _while_nobody_decides(proxy, authorizer, request("/reports/kept", headers=[USER]), other) != 200


@pytest.mark.parametrize("proxy", [CachingNginxProxy], indirect=True)
def test_a_verdict_about_a_write_is_never_used_again(proxy: Proxy, authorizer: Authorizer) -> None:
    """The answer says so itself: ``X-Accel-Expires: 0``."""
    writing = request("/reports/kept", method="POST", headers=[ADMIN], body=b"x=1")

    assert _while_nobody_decides(proxy, authorizer, writing, writing) != 200


@pytest.mark.parametrize("proxy", [CachingNginxProxy], indirect=True)
def test_a_verdict_that_has_run_out_is_not_used_where_nobody_answers(proxy: Proxy, authorizer: Authorizer) -> None:
    """FA-23."""
    reading = request("/reports/kept", headers=[USER])
    with RawClient(proxy.host, proxy.port) as client:
        assert client.send(reading).status == 200
        authorizer.kill()
        try:
            wait_until("it denies", lambda: None if client.send(reading).status >= 500 else "kept", 5)
        finally:
            authorizer.start()
