"""The OpenID Provider that others sign in with: honest, and as wrong as a test wants it."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import queue
import socket
import subprocess
import threading
import time
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlencode

import pytest
import requests
from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import KeySet, RSAKey
from paseport_testkit.harness import upstream as harness
from paseport_testkit.harness.certificates import Certificates
from paseport_testkit.harness.ports import HOST
from paseport_testkit.harness.upstream import (
    FAILING,
    GZIP_BOMB,
    GZIPPED,
    HUGE,
    NEVER,
    NOT_JSON,
    REDIRECT_LOOP,
    Arrival,
    MissingNodePackages,
    SignInStopped,
    Upstream,
    UpstreamClient,
)

VERIFIER = "a-code-verifier-of-more-than-43-characters-in-length"
CHALLENGE = base64.urlsafe_b64encode(hashlib.sha256(VERIFIER.encode()).digest()).rstrip(b"=").decode()
TIMEOUT = 10


@dataclass
class RelyingParty:
    """A client that checks no more than a test asks for."""

    upstream: Upstream
    client: UpstreamClient

    def url(self, **parameters: str) -> str:
        asked = {
            "client_id": self.client.id,
            "response_type": "code",
            "scope": "openid profile email",
            "redirect_uri": self.client.redirect_uris[0],
            "state": "a-state",
            "nonce": "a-nonce",
            "code_challenge": CHALLENGE,
            "code_challenge_method": "S256",
        }
        return f"{self.upstream.issuer}/authorize?{urlencode({**asked, **parameters})}"

    def redeem(self, arrival: Arrival) -> dict[str, Any]:
        form = {
            "grant_type": "authorization_code",
            "code": arrival.parameters["code"],
            "redirect_uri": self.client.redirect_uris[0],
            "code_verifier": VERIFIER,
        }
        answer = self.ask("POST", "/token", data=form, auth=(self.client.id, self.client.secret))
        assert answer.ok, answer.text
        return dict(answer.json())

    def sign_in(self) -> dict[str, Any]:
        return self.redeem(self.upstream.sign_in(self.url()))

    def claims(self) -> dict[str, Any]:
        """What the ID token of a new sign-in says. Raises ``JoseError`` where no published key has signed it."""
        return self.read(self.sign_in()["id_token"])

    def read(self, token: str) -> dict[str, Any]:
        keys = self.ask("GET", "/jwks").json()["keys"]
        usable = [key for key in keys if key["kty"] == "RSA" and "n" in key and key["use"] == "sig"]
        return dict(jwt.decode(token, KeySet.import_key_set({"keys": usable}), algorithms=["RS256"]).claims)

    def userinfo(self, access_token: str) -> dict[str, Any]:
        return dict(self.ask("GET", "/userinfo", headers={"Authorization": f"Bearer {access_token}"}).json())

    def ask(self, method: str, path: str, **arguments: Any) -> requests.Response:
        arguments.setdefault("timeout", TIMEOUT)
        with self.upstream.browser() as browser:
            return browser.request(method, f"{self.upstream.issuer}{path}", **arguments)


@pytest.fixture
def party(upstream: Upstream) -> RelyingParty:
    return RelyingParty(upstream, upstream.client)


def header_of(token: str) -> dict[str, Any]:
    return dict(json.loads(base64.urlsafe_b64decode(token.split(".")[0] + "==")))


# --- honest -------------------------------------------------------------------------------------------------------


def test_somebody_signs_in_and_the_client_learns_who_it_is(upstream: Upstream, party: RelyingParty) -> None:
    """OIDC Core §3.1; RFC 9207."""
    arrival = upstream.sign_in(party.url())

    assert arrival.url.startswith(upstream.client.redirect_uris[0])
    assert arrival.parameters["state"] == "a-state"
    assert arrival.parameters["iss"] == upstream.issuer
    tokens = party.redeem(arrival)
    claims = party.read(tokens["id_token"])
    expected = {"iss": upstream.issuer, "sub": Upstream.ADA["sub"], "aud": upstream.client.id, "nonce": "a-nonce"}
    assert {name: claims[name] for name in expected} == expected
    assert party.userinfo(tokens["access_token"]) == Upstream.ADA


def test_the_answer_can_come_as_a_form(upstream: Upstream, party: RelyingParty) -> None:
    arrival = upstream.sign_in(party.url(response_mode="form_post"))

    assert arrival.url == upstream.client.redirect_uris[0]
    assert arrival.form is not None
    assert arrival.parameters["iss"] == upstream.issuer
    assert party.redeem(arrival)["id_token"]


def test_who_cancels_is_sent_back_with_that_error(upstream: Upstream, party: RelyingParty) -> None:
    arrival = upstream.sign_in(party.url(), cancel=True)

    assert arrival.parameters["error"] == "access_denied"
    assert arrival.parameters["state"] == "a-state"


def test_a_wrong_password_leads_nowhere(upstream: Upstream, party: RelyingParty) -> None:
    with pytest.raises(SignInStopped, match="User name or password is wrong"):
        upstream.sign_in(party.url(), password="not it")


def test_a_request_without_a_code_challenge_is_refused(upstream: Upstream, party: RelyingParty) -> None:
    arrival = upstream.sign_in(party.url().replace("code_challenge", "left_out"))

    assert arrival.parameters["error"] == "invalid_request"


def test_a_browser_that_signed_in_before_is_asked_nothing_unless_the_client_wants_it(
    upstream: Upstream, party: RelyingParty
) -> None:
    with upstream.browser() as browser:
        upstream.sign_in(party.url(), browser=browser)

        assert upstream.sign_in(party.url(prompt="none"), browser=browser).parameters["code"]
        with pytest.raises(SignInStopped):
            upstream.sign_in(party.url(prompt="login"), password="not it", browser=browser)


def test_what_is_told_of_somebody_can_change_between_two_sign_ins(upstream: Upstream, party: RelyingParty) -> None:
    upstream.set_account(Upstream.ADA["sub"], email="ada@example.org", email_verified="true", name=None, tid="t-1")
    upstream.set_account("new", preferred_username="grace", password="hers")

    told = party.userinfo(party.sign_in()["access_token"])
    assert (told["email"], told["email_verified"], told["tid"]) == ("ada@example.org", "true", "t-1")
    assert "name" not in told
    tokens = party.redeem(upstream.sign_in(party.url(), "grace", "hers"))
    assert party.read(tokens["id_token"])["sub"] == "new"


def test_a_client_of_ones_own_is_known_to_it_for_good(upstream: Upstream) -> None:
    client = upstream.register_client(redirect_uris=("https://other.example.test/cb",))
    upstream.restore()
    upstream.kill()
    upstream.restore()
    other = RelyingParty(upstream, client)

    assert other.claims()["aud"] == client.id


def test_what_a_test_did_is_undone_before_the_next_one(upstream: Upstream, party: RelyingParty) -> None:
    before = party.ask("GET", "/jwks").json()
    with upstream.browser() as browser:
        upstream.sign_in(party.url(), browser=browser)
        upstream.set_account(Upstream.ADA["sub"], email="mallory@example.com")
        upstream.rotate()
        upstream.misbehave(discovery=FAILING)
        upstream.pause()

        upstream.restore()

        assert upstream.requests() == []
        assert upstream.sign_in(party.url(prompt="none"), browser=browser).parameters["error"] == "login_required"
    assert party.ask("GET", "/.well-known/openid-configuration").status_code == 200
    assert party.ask("GET", "/jwks").json() == before
    assert party.userinfo(party.sign_in()["access_token"])["email"] == Upstream.ADA["email"]


def test_every_request_is_seen(upstream: Upstream, party: RelyingParty) -> None:
    party.sign_in()
    party.ask("GET", "/jwks")

    (token,) = upstream.requests("token")
    assert (token.method, token.status, token.form["code_verifier"]) == ("POST", 200, VERIFIER)
    assert token.headers["authorization"].startswith("Basic ")
    assert len(upstream.requests("jwks")) == 1
    assert upstream.requests("discovery") == []


# --- signing out --------------------------------------------------------------------------------------------------


@dataclass
class LogoutListener:
    """A client that listens for logout tokens."""

    url: str
    tokens: queue.Queue[str]


@pytest.fixture
def listener() -> Iterator[LogoutListener]:
    tokens: queue.Queue[str] = queue.Queue()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            tokens.put(parse_qs(body.decode())["logout_token"][0])
            self.send_response(204)
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the name is given
            """Say nothing."""

    with HTTPServer((HOST, 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield LogoutListener(f"http://{HOST}:{server.server_port}/logout", tokens)
        server.shutdown()
        thread.join()


def test_signing_out_there_tells_the_clients(upstream: Upstream, listener: LogoutListener) -> None:
    """OpenID Connect RP-Initiated Logout, Back-Channel Logout §2.5."""
    after = "https://client.example.test/signed-out"
    client = upstream.register_client(
        redirect_uris=upstream.client.redirect_uris,
        post_logout_redirect_uris=(after,),
        backchannel_logout_uri=listener.url,
    )
    party = RelyingParty(upstream, client)
    with upstream.browser() as browser:
        signed_in = party.read(party.redeem(upstream.sign_in(party.url(), browser=browser))["id_token"])
        asked = urlencode({"client_id": client.id, "post_logout_redirect_uri": after, "state": "out"})

        arrival = upstream.sign_out(f"{upstream.issuer}/logout?{asked}", browser=browser)

        assert arrival == Arrival(f"{after}?state=out")
        assert upstream.sign_in(party.url(prompt="none"), browser=browser).parameters["error"] == "login_required"
    told = party.read(listener.tokens.get(timeout=TIMEOUT))
    assert (told["aud"], told["sid"]) == (client.id, signed_in["sid"])


def test_a_logout_token_is_right_unless_it_is_forged(upstream: Upstream, party: RelyingParty) -> None:
    """OpenID Connect Back-Channel Logout §2.4."""
    right = upstream.logout_token(sub="somebody", sid="s-1")

    assert header_of(right)["typ"] == "logout+jwt"
    claims = party.read(right)
    assert (claims["iss"], claims["aud"], claims["sid"]) == (upstream.issuer, upstream.client.id, "s-1")
    assert claims["events"] == {"http://schemas.openid.net/event/backchannel-logout": {}}
    forged = upstream.logout_token(sub="somebody", set={"nonce": "n"}, remove=["jti"], header={"remove": ["typ"]})
    assert party.read(forged)["nonce"] == "n"
    assert "jti" not in party.read(forged)
    assert "typ" not in header_of(forged)
    with pytest.raises(JoseError):
        party.read(upstream.logout_token(sub="somebody", key="other"))


# --- keys ---------------------------------------------------------------------------------------------------------


def test_the_document_has_keys_that_are_of_no_use_unless_they_are_left_out(
    upstream: Upstream, party: RelyingParty
) -> None:
    kinds = [(key["kty"], key["use"]) for key in party.ask("GET", "/jwks").json()["keys"]]
    assert kinds == [("FUTURE", "sig"), ("RSA", "sig"), ("RSA", "enc"), ("EC", "sig"), ("RSA", "sig")]

    upstream.misbehave(decoys=False)

    (key,) = party.ask("GET", "/jwks").json()["keys"]
    assert key["kid"] == header_of(party.sign_in()["id_token"])["kid"]


def test_a_rotation_can_be_taken_step_by_step(upstream: Upstream, party: RelyingParty) -> None:
    def state() -> tuple[str, list[str]]:
        published = [key["kid"] for key in party.ask("GET", "/jwks").json()["keys"] if key["alg"] == "RS256"]
        return header_of(party.sign_in()["id_token"])["kid"], published[2:]

    first, _ = state()
    upstream.rotate("publish")
    signing, (_, second) = state()
    assert signing == first
    upstream.rotate("sign")
    assert state() == (second, [first, second])
    upstream.rotate("drop")
    assert state() == (second, [second])


def test_a_key_can_sign_before_it_is_published(upstream: Upstream, party: RelyingParty) -> None:
    upstream.rotate("sign")
    token = party.sign_in()["id_token"]
    with pytest.raises((JoseError, ValueError)):
        party.read(token)

    upstream.rotate("publish")

    assert party.read(token)["sub"] == Upstream.ADA["sub"]


# --- dishonest ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["iss", "aud", "azp", "nonce", "sub", "iat", "exp", "at_hash"])
def test_a_claim_is_wrong_or_missing_under_a_right_signature(
    upstream: Upstream, party: RelyingParty, name: str
) -> None:
    upstream.misbehave(id_token={"set": {name: 17}})
    assert party.claims()[name] == 17

    upstream.misbehave(id_token={"remove": [name]})
    assert name not in party.claims()


@pytest.mark.parametrize("key", ["other", "unknown", "embedded", "encryption", "es256", "none", "damaged"])
def test_a_signature_is_not_the_providers(upstream: Upstream, party: RelyingParty, key: str) -> None:
    upstream.misbehave(id_token={"key": key})

    with pytest.raises((JoseError, ValueError)):
        party.claims()


def test_the_public_key_is_the_secret_of_an_hmac(upstream: Upstream, party: RelyingParty) -> None:
    """RFC 8725 §2.1: a library that lets the header choose would accept it."""
    upstream.misbehave(id_token={"key": "hs256_public_key"})
    token = party.sign_in()["id_token"]

    keys = {key["kid"]: key for key in party.ask("GET", "/jwks").json()["keys"]}
    pem = RSAKey.import_key(keys[header_of(token)["kid"]]).as_pem(private=False)
    signed, _, signature = token.rpartition(".")
    expected = hmac.digest(pem, signed.encode(), "sha256")
    assert base64.urlsafe_b64decode(signature + "==") == expected


def test_the_kid_is_absent_and_the_signature_right(upstream: Upstream, party: RelyingParty) -> None:
    upstream.misbehave(id_token={"header": {"remove": ["kid"]}}, decoys=False)

    token = party.sign_in()["id_token"]
    assert "kid" not in header_of(token)
    assert party.read(token)


def test_neither_key_nor_token_has_a_kid(upstream: Upstream, party: RelyingParty) -> None:
    """RFC 7517 §4.5."""
    upstream.misbehave(kids=False, decoys=False)

    (key,) = party.ask("GET", "/jwks").json()["keys"]
    token = party.sign_in()["id_token"]
    assert "kid" not in key
    assert "kid" not in header_of(token)
    assert party.read(token)


def test_keys_are_found_at_an_address_that_was_announced_just_now(upstream: Upstream, party: RelyingParty) -> None:
    upstream.misbehave(discovery={"set": {"jwks_uri": f"{upstream.issuer}/jwks/new"}})

    assert party.ask("GET", "/jwks/new").json() == party.ask("GET", "/jwks").json()


@pytest.mark.parametrize("is_right", [True, False])
def test_the_hash_of_the_access_token_is_right_or_wrong(
    upstream: Upstream, party: RelyingParty, is_right: bool
) -> None:
    """OIDC Core §3.1.3.6."""
    upstream.misbehave(id_token={"at_hash": "right" if is_right else "wrong"})
    tokens = party.sign_in()

    half = hashlib.sha256(tokens["access_token"].encode()).digest()[:16]
    expected = base64.urlsafe_b64encode(half).rstrip(b"=").decode()
    assert (party.read(tokens["id_token"])["at_hash"] == expected) is is_right


def test_answers_say_something_else(upstream: Upstream, party: RelyingParty) -> None:
    upstream.misbehave(
        discovery={"set": {"issuer": "https://other.example.test"}, "remove": ["userinfo_endpoint"]},
        userinfo={"set": {"sub": "somebody-else"}},
        token={"remove": ["id_token"]},
        jwks={"json": {"keys": []}},
    )

    metadata = party.ask("GET", "/.well-known/openid-configuration").json()
    assert metadata["issuer"] == "https://other.example.test"
    assert "userinfo_endpoint" not in metadata
    tokens = party.sign_in()
    assert "id_token" not in tokens
    assert party.userinfo(tokens["access_token"])["sub"] == "somebody-else"
    assert party.ask("GET", "/jwks").json() == {"keys": []}


@pytest.mark.parametrize("endpoint", ["discovery", "jwks", "token", "userinfo"])
def test_every_endpoint_can_fail_and_says_so_in_what_was_seen(
    upstream: Upstream, party: RelyingParty, endpoint: str
) -> None:
    paths = {"discovery": "/.well-known/openid-configuration"}
    upstream.misbehave(**{endpoint: {"status": 503}})

    method = "POST" if endpoint == "token" else "GET"
    assert party.ask(method, paths.get(endpoint, f"/{endpoint}")).status_code == 503

    (seen,) = upstream.requests(endpoint)
    assert (seen.status, list(seen.wrong)) == (503, [endpoint])


def test_the_right_answer_comes_after_as_many_wrong_ones_as_asked(upstream: Upstream, party: RelyingParty) -> None:
    upstream.misbehave(jwks={**FAILING, "times": 2})

    assert [party.ask("GET", "/jwks").status_code for _ in range(4)] == [500, 500, 200, 200]


def test_an_answer_never_comes(upstream: Upstream, party: RelyingParty) -> None:
    upstream.misbehave(jwks=NEVER)

    with pytest.raises(requests.ReadTimeout):
        party.ask("GET", "/jwks", timeout=0.3)
    (seen,) = upstream.requests("jwks")
    assert seen.status is None


def test_an_answer_comes_late(upstream: Upstream, party: RelyingParty) -> None:
    upstream.misbehave(jwks={"delay_ms": 300})
    began = time.monotonic()

    assert party.ask("GET", "/jwks").ok
    assert time.monotonic() - began >= 0.3


def test_an_answer_comes_byte_by_byte(upstream: Upstream, party: RelyingParty) -> None:
    upstream.misbehave(jwks={"drip_ms": 20, "text": "[1,2]"})
    began = time.monotonic()

    assert party.ask("GET", "/jwks").json() == [1, 2]
    assert time.monotonic() - began >= 4 * 0.02


def test_an_answer_breaks_off(upstream: Upstream, party: RelyingParty) -> None:
    upstream.misbehave(jwks={"break_off": True})

    with pytest.raises((requests.ConnectionError, requests.exceptions.ChunkedEncodingError)):
        party.ask("GET", "/jwks")


def test_an_answer_is_a_page(upstream: Upstream, party: RelyingParty) -> None:
    upstream.misbehave(jwks=NOT_JSON)

    with pytest.raises(requests.JSONDecodeError):
        party.ask("GET", "/jwks").json()


def test_an_answer_is_right_but_two_mebibytes_long(upstream: Upstream, party: RelyingParty) -> None:
    upstream.misbehave(jwks=HUGE)

    answer = party.ask("GET", "/jwks")
    assert len(answer.content) > 2 * 1024 * 1024
    assert answer.json()["keys"]


def test_an_answer_is_compressed_although_nobody_asked(upstream: Upstream, party: RelyingParty) -> None:
    upstream.misbehave(jwks=GZIPPED)

    answer = party.ask("GET", "/jwks", headers={"Accept-Encoding": "identity"})
    assert answer.headers["Content-Encoding"] == "gzip"
    assert answer.json()["keys"]


def test_an_answer_is_small_until_it_is_unpacked(upstream: Upstream, party: RelyingParty) -> None:
    upstream.misbehave(jwks=GZIP_BOMB)

    answer = party.ask("GET", "/jwks", stream=True)
    packed = answer.raw.read(decode_content=False)
    assert len(packed) < 256 * 1024
    assert len(zlib.decompress(packed, wbits=31)) > 64 * 1024 * 1024


def test_a_redirect_leads_to_itself(upstream: Upstream, party: RelyingParty) -> None:
    upstream.misbehave(discovery=REDIRECT_LOOP)

    with pytest.raises(requests.TooManyRedirects):
        party.ask("GET", "/.well-known/openid-configuration")


def test_a_redirect_leads_where_a_test_says(upstream: Upstream, party: RelyingParty) -> None:
    upstream.misbehave(token={"redirect": "http://169.254.169.254/", "status": 307})

    answer = party.ask("POST", "/token", allow_redirects=False)
    assert (answer.status_code, answer.headers["Location"]) == (307, "http://169.254.169.254/")


@pytest.mark.parametrize(
    "wrong",
    [
        {"tokens": {}},
        {"token": {"sets": {}}},
        {"token": {"status": "500"}},
        {"id_token": {"key": "hs256"}},
        {"decoys": "no"},
    ],
)
def test_a_wrong_that_is_misspelt_is_an_error(upstream: Upstream, wrong: dict[str, Any]) -> None:
    """It would prove nothing."""
    with pytest.raises(ValueError, match="is nothing that"):
        upstream.misbehave(**wrong)


# --- the program --------------------------------------------------------------------------------------------------


def test_packages_that_are_missing_are_one_message_with_the_command(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, certificates: Certificates
) -> None:
    monkeypatch.setattr(harness, "_PACKAGES", harness.ROOT / "e2e" / "node_modules" / "not-there")

    with pytest.raises(MissingNodePackages, match=r"e2e/node_modules is missing.*make setup"):
        Upstream(tmp_path, certificates)


def test_a_machine_without_node_is_told_so(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, certificates: Certificates
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))

    with pytest.raises(MissingNodePackages, match=r"node is missing.*make setup"):
        Upstream(tmp_path, certificates)


def test_it_prints_where_it_is_and_ends_with_its_input(tmp_path: Path, certificates: Certificates) -> None:
    """Another program starts it that way."""
    configuration = tmp_path / "upstream.json"
    paths = {"certificate": str(certificates.certificate), "key": str(certificates.key)}
    configuration.write_text(json.dumps(paths))
    command = ["node", str(harness._PROGRAM), str(configuration)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as program:
        assert program.stdin is not None
        assert program.stdout is not None
        described = json.loads(program.stdout.readline())
        assert set(described) == {"issuer", "github", "control"}
        with socket.create_connection((HOST, int(described["control"].rpartition(":")[2])), TIMEOUT):
            pass

        program.stdin.close()

        assert program.wait(TIMEOUT) == 0
