"""The OAuth 2.0 server in the shape of GitHub's, as a client of it sees it."""

from __future__ import annotations

import base64
import hashlib
from typing import Any
from urllib.parse import parse_qs, urlencode

import pytest
import requests
from paseport_testkit.harness.upstream import GZIPPED, SignInStopped, Upstream

VERIFIER = "a-code-verifier-of-more-than-43-characters-in-length"
CHALLENGE = base64.urlsafe_b64encode(hashlib.sha256(VERIFIER.encode()).digest()).rstrip(b"=").decode()
TIMEOUT = 10


def url(upstream: Upstream, **parameters: str) -> str:
    asked = {
        "client_id": upstream.client.id,
        "redirect_uri": upstream.client.redirect_uris[0],
        "scope": "read:user user:email",
        "state": "a-state",
    }
    return f"{upstream.github}/login/oauth/authorize?{urlencode({**asked, **parameters})}"


def redeem(upstream: Upstream, code: str, *, accept: str = "application/json", **changes: str) -> requests.Response:
    form = {"client_id": upstream.client.id, "client_secret": upstream.client.secret, "code": code, **changes}
    answer = ask(upstream, "POST", "/login/oauth/access_token", data=form, headers={"Accept": accept})
    assert answer.status_code == 200
    return answer


def access_token(upstream: Upstream, **parameters: str) -> str:
    code = upstream.sign_in(url(upstream, **parameters)).parameters["code"]
    return str(redeem(upstream, code).json()["access_token"])


def ask(upstream: Upstream, method: str, path: str, **arguments: Any) -> requests.Response:
    with upstream.browser() as browser:
        return browser.request(method, f"{upstream.github}{path}", timeout=TIMEOUT, **arguments)


def test_somebody_signs_in_and_the_client_asks_who_it_is(upstream: Upstream) -> None:
    arrival = upstream.sign_in(url(upstream))
    assert arrival.url.startswith(upstream.client.redirect_uris[0])
    assert arrival.parameters["state"] == "a-state"
    # It does not say who it is (RFC 9207): a callback of its own tells it from others.
    assert "iss" not in arrival.parameters
    granted = redeem(upstream, arrival.parameters["code"]).json()

    assert (granted["token_type"], granted["scope"]) == ("bearer", "read:user,user:email")
    headers = {"Authorization": f"Bearer {granted['access_token']}"}
    user = ask(upstream, "GET", "/user", headers=headers).json()
    assert (user["id"], user["login"], user["email"]) == (Upstream.OCTO["id"], "octo", None)
    assert ask(upstream, "GET", "/user/emails", headers=headers).json() == Upstream.OCTO["emails"]


def test_the_token_comes_as_a_form_unless_json_is_asked_for(upstream: Upstream) -> None:
    code = upstream.sign_in(url(upstream)).parameters["code"]

    answer = redeem(upstream, code, accept="*/*")

    assert answer.headers["Content-Type"].startswith("application/x-www-form-urlencoded")
    assert parse_qs(answer.text)["token_type"] == ["bearer"]


def test_a_code_is_good_once_and_the_refusal_has_status_200(upstream: Upstream) -> None:
    code = upstream.sign_in(url(upstream)).parameters["code"]
    assert "access_token" in redeem(upstream, code).json()

    assert redeem(upstream, code).json()["error"] == "bad_verification_code"


def test_a_wrong_secret_redeems_nothing(upstream: Upstream) -> None:
    code = upstream.sign_in(url(upstream)).parameters["code"]

    assert redeem(upstream, code, client_secret="wrong").json()["error"] == "incorrect_client_credentials"


def test_the_code_verifier_is_checked_where_a_challenge_was_sent(upstream: Upstream) -> None:
    """RFC 7636 §4.6."""

    def code() -> str:
        asked = url(upstream, code_challenge=CHALLENGE, code_challenge_method="S256")
        return upstream.sign_in(asked).parameters["code"]

    assert redeem(upstream, code(), code_verifier="another").json()["error"] == "bad_verification_code"
    assert "access_token" in redeem(upstream, code(), code_verifier=VERIFIER).json()


def test_who_cancels_is_sent_back_with_that_error(upstream: Upstream) -> None:
    arrival = upstream.sign_in(url(upstream), cancel=True)

    assert (arrival.parameters["error"], arrival.parameters["state"]) == ("access_denied", "a-state")


def test_a_redirect_uri_that_is_not_registered_gets_no_code(upstream: Upstream) -> None:
    arrival = upstream.sign_in(url(upstream, redirect_uri="https://evil.example.test/"))

    assert arrival.url.startswith(upstream.client.redirect_uris[0])
    assert arrival.parameters["error"] == "redirect_uri_mismatch"


def test_an_unknown_client_gets_a_page(upstream: Upstream) -> None:
    with pytest.raises(SignInStopped, match="404"):
        upstream.sign_in(url(upstream, client_id="unknown"))


def test_addresses_need_the_scope_and_the_user_a_token_and_a_user_agent(upstream: Upstream) -> None:
    headers = {"Authorization": f"token {access_token(upstream, scope='read:user')}"}

    assert ask(upstream, "GET", "/user", headers=headers).status_code == 200
    assert ask(upstream, "GET", "/user/emails", headers=headers).status_code == 404
    assert ask(upstream, "GET", "/user", headers={**headers, "User-Agent": ""}).status_code == 403
    assert ask(upstream, "GET", "/user", headers={"Authorization": "Bearer nothing"}).status_code == 401


def test_members_can_change_their_login_and_others_can_take_it(upstream: Upstream) -> None:
    upstream.set_member(Upstream.OCTO["id"], login="octo-renamed")
    upstream.set_member(7, login="octo")

    headers = {"Authorization": f"Bearer {access_token(upstream)}"}
    assert ask(upstream, "GET", "/user", headers=headers).json()["id"] == 7
    upstream.restore()
    assert upstream.sign_in(url(upstream), "octo").parameters["code"]
    with pytest.raises(SignInStopped):
        upstream.sign_in(url(upstream), "octo-renamed")


def test_its_answers_can_be_wrong_too(upstream: Upstream) -> None:
    upstream.misbehave(
        github_token={"set": {"token_type": "mac"}},
        github_user={"set": {"id": "583231"}, **GZIPPED},
        github_emails={"json": [{"email": "victim@example.com", "primary": True, "verified": "true"}]},
    )
    code = upstream.sign_in(url(upstream)).parameters["code"]
    granted = redeem(upstream, code).json()
    headers = {"Authorization": f"Bearer {granted['access_token']}"}

    assert granted["token_type"] == "mac"
    assert ask(upstream, "GET", "/user", headers=headers).json()["id"] == "583231"
    assert ask(upstream, "GET", "/user/emails", headers=headers).json()[0]["verified"] == "true"
    assert [list(seen.wrong) for seen in upstream.requests("github_user")] == [["github_user"]]


def test_a_client_that_sends_what_nobody_can_read_ends_nothing(upstream: Upstream) -> None:
    unreadable = {"Authorization": f"Basic {base64.b64encode(b'%zz:%zz').decode()}"}
    with pytest.raises(requests.ConnectionError):
        ask(upstream, "POST", "/login/oauth/access_token", data={"code": "none"}, headers=unreadable)

    assert upstream.sign_in(url(upstream)).parameters["code"]
