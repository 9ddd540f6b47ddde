"""Clients on the production topology: libraries that know nothing of Paseport, over https."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit

import httpx
import pytest
from authlib.integrations.requests_client import OAuth2Session  # type: ignore[import-untyped] - Authlib ships no types
from authlib.oauth2.rfc7636 import create_s256_code_challenge  # type: ignore[import-untyped] - as above
from joserfc import jwt
from joserfc.jwk import KeySet
from paseport_testkit.harness.accounts import Account
from paseport_testkit.harness.stack import USER, Stack
from paseport_testkit.harness.waiting import wait_until

VERIFIER = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"


@pytest.fixture
def browser(stack: Stack) -> Iterator[httpx.Client]:
    """Somebody in front of the edge, who goes where redirects lead on this origin."""
    headers = {"X-CSRF": "1", "Origin": stack.origin}
    with httpx.Client(base_url=stack.origin, verify=stack.edge.tls(), headers=headers, timeout=20) as client:
        yield client


def query_of(location: str) -> dict[str, str]:
    return dict(parse_qsl(urlsplit(location).query))


def goes_through(browser: httpx.Client, account: Account, address: str) -> str:
    """Sign in and agree as the pages do; return where the browser ends up."""
    answer = browser.get(address)
    while answer.status_code == 303 and answer.headers["location"].startswith("/"):
        location = answer.headers["location"]
        transaction = query_of(location).get("transaction", "")
        if location.startswith("/login"):
            body = {"username": account.username, "password": account.password, "transaction": transaction}
            location = browser.post("/auth/v1/login/local", json=body).raise_for_status().json()["continue"]
        elif location.startswith("/consent"):
            path = f"/auth/v1/transactions/{transaction}/consent"
            location = browser.post(path, json={"approve": True}).raise_for_status().json()["continue"]
        answer = browser.get(location)
    assert answer.status_code == 303, answer.text
    return str(answer.headers["location"])


@pytest.mark.parametrize("method", ["client_secret_basic"])
def test_authlib_signs_somebody_in_and_goes_through_the_life_of_a_token(
    stack: Stack, browser: httpx.Client, method: str
) -> None:
    """Code and PKCE, ID token, userinfo, refresh, introspection, revocation, sign-out."""
    metadata = browser.get("/.well-known/openid-configuration").json()
    redirect_uri = stack.client["redirect_uris"][0]
    with OAuth2Session(
        stack.client["client_id"],
        stack.client["secret"],
        token_endpoint_auth_method=method,
        scope="openid profile email",
        redirect_uri=redirect_uri,
        code_challenge_method="S256",
    ) as client:
        # requests believes the environment before it believes ``verify``.
        client.trust_env, client.verify = False, str(stack.ca)
        address, state = client.create_authorization_url(
            metadata["authorization_endpoint"], code_verifier=VERIFIER, nonce="n-0S6"
        )
        assert query_of(address)["code_challenge"] == create_s256_code_challenge(VERIFIER)

        back = goes_through(browser, stack.accounts[USER], address)
        assert query_of(back)["iss"] == stack.origin == metadata["issuer"]
        token = client.fetch_token(
            metadata["token_endpoint"], authorization_response=back, state=state, code_verifier=VERIFIER
        )

        keys = KeySet.import_key_set(browser.get(metadata["jwks_uri"]).json())
        claims = jwt.decode(token["id_token"], keys, algorithms=["RS256"]).claims
        assert (claims["iss"], claims["aud"], claims["nonce"]) == (stack.origin, "sample", "n-0S6")
        assert client.get(metadata["userinfo_endpoint"]).json()["sub"] == claims["sub"]

        fresh = client.refresh_token(metadata["token_endpoint"], refresh_token=token["refresh_token"])
        assert fresh["refresh_token"] != token["refresh_token"]
        introspected = client.introspect_token(metadata["introspection_endpoint"], token=fresh["access_token"])
        assert introspected.json()["active"] is True
        revoked = client.revoke_token(metadata["revocation_endpoint"], token=fresh["refresh_token"])
        assert revoked.status_code == 200
        introspected = client.introspect_token(metadata["introspection_endpoint"], token=fresh["refresh_token"])
        assert introspected.json() == {"active": False}

    parameters = {"id_token_hint": token["id_token"], "post_logout_redirect_uri": "https://localhost:9443/"}
    signed_out = browser.get(metadata["end_session_endpoint"], params=parameters)
    assert signed_out.headers["location"] == "https://localhost:9443/"


# --- a phone ----------------------------------------------------------------------------------------------------------


class Phone:
    """The client ``mobile``: no secret, PKCE, and a refresh token that it keeps."""

    def __init__(self, stack: Stack, server: httpx.Client, redirect_uri: str) -> None:
        self._stack = stack
        self._server = server
        self._redirect_uri = redirect_uri
        self.tokens: dict[str, Any] = {}

    def address(self) -> str:
        """Where it sends its browser."""
        parameters = {
            "response_type": "code",
            "client_id": "mobile",
            "redirect_uri": self._redirect_uri,
            "scope": "openid profile offline_access",
            "state": "af0ifjsldkj",
            "code_challenge": create_s256_code_challenge(VERIFIER),
            "code_challenge_method": "S256",
        }
        return f"/oauth2/authorize?{urlencode(parameters)}"

    def take(self, back: str) -> None:
        """Take the code that came back, and get tokens for it."""
        answer = query_of(back)
        assert back.startswith(f"{self._redirect_uri}?")
        assert (answer["state"], answer["iss"]) == ("af0ifjsldkj", self._stack.origin)
        form = {
            "grant_type": "authorization_code",
            "code": answer["code"],
            "redirect_uri": self._redirect_uri,
            "code_verifier": VERIFIER,
        }
        self.tokens = self._ask(form).raise_for_status().json()

    def refresh(self, kept: str | None = None) -> httpx.Response:
        """Refresh; with ``kept`` with that token, and whatever is answered is lost."""
        answer = self._ask({"grant_type": "refresh_token", "refresh_token": kept or self.tokens["refresh_token"]})
        if kept is None and answer.is_success:
            self.tokens = answer.json()
        return answer

    def _ask(self, form: dict[str, str]) -> httpx.Response:
        return self._server.post("/oauth2/token", data={"client_id": "mobile", **form})


@pytest.fixture
def server(stack: Stack) -> Iterator[httpx.Client]:
    """Somebody without cookies."""
    with httpx.Client(base_url=stack.origin, verify=stack.edge.tls(), timeout=20) as client:
        yield client


@pytest.mark.parametrize("redirect_uri", ["http://127.0.0.1:53682/callback", "https://phone.example/callback"])
def test_a_phone_stays_signed_in_until_it_is_ended_among_the_sessions_of_its_owner(
    stack: Stack, browser: httpx.Client, server: httpx.Client, redirect_uri: str
) -> None:
    """TE-13, TE-15, design §3: a lost answer, the browser's sign-out, the end from afar."""
    phone = Phone(stack, server, redirect_uri)
    phone.take(goes_through(browser, stack.accounts[USER], phone.address()))

    kept = phone.tokens["refresh_token"]
    lost = phone.refresh(kept).json()
    assert phone.refresh().json()["refresh_token"] == lost["refresh_token"]

    assert browser.post("/auth/v1/logout").status_code == 204
    assert phone.refresh().status_code == 200

    # From another browser, as somebody does whose phone was stolen.
    browser.cookies.clear()
    account = stack.accounts[USER]
    body = {"username": account.username, "password": account.password}
    access_token = browser.post("/auth/v1/login/local", json=body).raise_for_status().json()["access_token"]
    owner = {"Authorization": f"Bearer {access_token}"}
    devices = browser.get("/me/v1/sessions", headers=owner).raise_for_status().json()["devices"]
    (device,) = [device for device in devices if device["client_id"] == "mobile"]
    assert browser.delete(f"/me/v1/devices/{device['id']}", headers=owner).status_code == 204

    refused = phone.refresh()
    assert (refused.status_code, refused.json()["error"]) == (400, "invalid_grant")
    bearer = {"Authorization": f"Bearer {phone.tokens['access_token']}"}

    def still_accepted() -> str | None:
        answer = server.get("/userinfo", headers=bearer)
        return None if answer.status_code == 401 else f"answered {answer.status_code}"

    wait_until("the phone's access token is refused", still_accepted, 2)


# --- the command line -------------------------------------------------------------------------------------------------

DEADLINE_SECONDS = 60.0


class CommandLine:
    """``paseport`` on the machine of an administrator, who has been given the certificate of the authority."""

    def __init__(self, config: Path, authority: Path | None) -> None:
        self._program = str(Path(sys.executable).with_name("paseport"))
        # Settings, proxies and authorities of whoever runs the tests are not those of the administrator.
        foreign = re.compile(r"PASEPORT_|SSL_CERT_|(?:HTTPS?|ALL|NO)_PROXY$", re.IGNORECASE)
        self._environment = {name: text for name, text in os.environ.items() if not foreign.match(name)}
        self._environment["XDG_CONFIG_HOME"] = str(config)
        if authority is not None:
            self._environment["SSL_CERT_FILE"] = str(authority)

    def run(self, *arguments: str) -> tuple[int, Any]:
        """Run a command; return its exit code and the document that it printed."""
        ended = subprocess.run(
            [self._program, *arguments, "--json"],
            env=self._environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=DEADLINE_SECONDS,
            check=False,
        )
        return ended.returncode, json.loads(ended.stdout)

    @contextmanager
    def started(self, *arguments: str) -> Iterator[subprocess.Popen[str]]:
        """Run a command inside the block."""
        with subprocess.Popen(
            [self._program, *arguments, "--json"],
            env=self._environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        ) as process:
            try:
                yield process
            finally:
                if process.poll() is None:
                    process.kill()


def test_an_administrator_signs_in_on_the_command_line_and_out_again(
    stack: Stack, browser: httpx.Client, server: httpx.Client, tmp_path: Path
) -> None:
    """RFC 8252 §7.3, over https with a certificate that an authority of the operator's own has signed."""
    command_line = CommandLine(tmp_path, stack.ca)
    at_issuer = ("--issuer", stack.origin)

    with command_line.started("login", "--no-browser", *at_issuer) as command:
        assert command.stderr is not None
        assert command.stderr.readline() == "Sign in with your browser:\n"
        address = command.stderr.readline().strip()
        assert address.startswith(f"{stack.origin}/oauth2/authorize?")
        back = goes_through(browser, stack.admin, address.removeprefix(stack.origin))
        assert httpx.get(back, trust_env=False).status_code == 200
        out, _ = command.communicate(timeout=DEADLINE_SECONDS)
    assert json.loads(out) == {"issuer": stack.origin, "username": stack.admin.username}

    code, users = command_line.run("users", "list", *at_issuer)
    kept = json.loads((tmp_path / "paseport" / "sign-ins.json").read_text())["sign_ins"][stack.origin]
    signed_out = command_line.run("logout", *at_issuer)
    after = command_line.run("users", "list", *at_issuer)

    assert code == 0
    assert {account.username for account in stack.accounts.values()} <= {user["username"] for user in users["items"]}
    assert signed_out == (0, {"issuer": stack.origin, "signed_out": True})
    assert (after[0], after[1]["error"]["code"]) == (1, "signed_out")
    form = {"grant_type": "refresh_token", "client_id": "cli", "refresh_token": kept["refresh_token"]}
    assert server.post("/oauth2/token", data=form).json()["error"] == "invalid_grant"


def test_the_command_line_tells_nothing_to_a_server_that_no_known_authority_vouches_for(
    stack: Stack, tmp_path: Path
) -> None:
    (tmp_path / "empty.pem").write_text("")

    unknown = CommandLine(tmp_path, None).run("login", "--issuer", stack.origin)
    missing = CommandLine(tmp_path, tmp_path / "missing.pem").run("login", "--issuer", stack.origin)
    empty = CommandLine(tmp_path, tmp_path / "empty.pem").run("login", "--issuer", stack.origin)

    assert (unknown[0], unknown[1]["error"]["code"]) == (3, "untrusted_certificate")
    assert (missing[0], missing[1]["error"]["code"]) == (2, "usage")
    assert (empty[0], empty[1]["error"]["code"]) == (2, "usage")
