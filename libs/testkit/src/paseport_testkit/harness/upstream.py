"""Upstream identity providers: an honest one that can be made to lie, and a server in the shape of GitHub.

The program is ``e2e/upstream/serve.js``, whose head says what it understands. What is called a wrong here is a dict as
its ``behaviour.js`` describes it, a forgery one as its ``keys.js`` does.
"""

from __future__ import annotations

import json
import os
import secrets
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from html.parser import HTMLParser
from pathlib import Path
from typing import Any, Final, Literal, TypeAlias
from urllib.parse import parse_qsl, quote, urljoin, urlsplit

from requests import HTTPError, RequestException, Session

from paseport_testkit.harness.certificates import Certificates
from paseport_testkit.harness.ports import HOST, free_ports
from paseport_testkit.harness.process import ServerProcess, log_in
from paseport_testkit.harness.programs import MissingPrograms
from paseport_testkit.harness.repository import ROOT
from paseport_testkit.harness.service import Service

Step: TypeAlias = Literal["publish", "sign", "drop"]
"""Of a rotation: a new key is in the document, it signs, the old ones leave the document."""

NEVER: Final = {"never": True}
"""A wrong: no answer, and the connection stays open."""
HUGE: Final = {"pad_bytes": 2 * 1024 * 1024}
"""A wrong: the right answer, and 2 MiB of spaces."""
GZIP_BOMB: Final = {"pad_bytes": 64 * 1024 * 1024, "gzip": True}
"""A wrong: the right answer, which only unpacks to 64 MiB."""
GZIPPED: Final = {"gzip": True}
"""A wrong: the right answer, compressed although nobody asked for it."""
NOT_JSON: Final = {"text": "<!doctype html><title>Sorry</title>", "type": "text/html"}
"""A wrong: a page."""
FAILING: Final = {"status": 500}
"""A wrong: the right answer under the wrong status."""
REDIRECT_LOOP: Final = {"redirect": "loop"}
"""A wrong: look here again."""

_PROGRAM: Final = ROOT / "e2e" / "upstream" / "serve.js"
_PACKAGES: Final = ROOT / "e2e" / "node_modules" / "oidc-provider"
_CONTROL_TIMEOUT_SECONDS: Final = 10.0
_PAGE_TIMEOUT_SECONDS: Final = 10.0
_MOST_PAGES: Final = 20
_REDIRECTS: Final = frozenset({301, 302, 303, 307, 308})


class MissingNodePackages(MissingPrograms):
    """Node.js, or the packages of e2e/, are not there. The message has the command that helps."""

    def __init__(self, name: str) -> None:
        Exception.__init__(
            self,
            f"{name} is missing, which the upstream identity providers of the tests need."
            " Install it with: make setup  (Node.js 20.19 or newer has to be there)",
        )
        self.names = [name]


class SignInStopped(Exception):
    """A provider showed an error page instead of going on. The message has its status and text."""


@dataclass(frozen=True, slots=True, kw_only=True)
class UpstreamClient:
    """A client that both providers know: what a relying party registers there."""

    id: str
    secret: str = field(repr=False)
    redirect_uris: tuple[str, ...]
    post_logout_redirect_uris: tuple[str, ...] = ()
    backchannel_logout_uri: str | None = None
    auth_method: Literal["client_secret_basic", "client_secret_post"] = "client_secret_basic"

    def registration(self) -> dict[str, Any]:
        """Return it as RFC 7591 writes it."""
        members: dict[str, Any] = {
            "client_id": self.id,
            "client_secret": self.secret,
            "redirect_uris": self.redirect_uris,
            "post_logout_redirect_uris": self.post_logout_redirect_uris,
            "token_endpoint_auth_method": self.auth_method,
        }
        if self.backchannel_logout_uri is not None:
            members["backchannel_logout_uri"] = self.backchannel_logout_uri
        return members


@dataclass(frozen=True, slots=True)
class Arrival:
    """Where a provider sends the browser in the end. ``form`` is what it has to post there, None where it is a GET."""

    url: str
    form: Mapping[str, str] | None = None

    @property
    def parameters(self) -> dict[str, str]:
        """The answer's parameters, however they travel."""
        return dict(parse_qsl(urlsplit(self.url).query) if self.form is None else self.form)


@dataclass(frozen=True, slots=True)
class SeenRequest:
    """A request that a provider got.

    ``endpoint`` is ``discovery``, ``jwks``, ``authorization``, ``token``, ``userinfo``, ``end_session`` or
    ``interaction``, at the GitHub-like server ``github_authorization``, ``github_token``, ``github_user`` or
    ``github_emails``, else None. ``headers`` have names in lower case. ``status`` is None where no answer was sent.
    ``wrong`` says what was wrong in the answer.
    """

    endpoint: str | None
    method: str
    path: str
    query: Mapping[str, str]
    headers: Mapping[str, str] = field(repr=False)
    form: Mapping[str, str] = field(repr=False)
    status: int | None
    wrong: Sequence[str]


class Upstream(Service):
    """The providers on fixed ports. One account is there at each: ``ADA`` and ``OCTO``.

    Whatever a test makes wrong, changes or rotates is undone by ``restore``; clients stay.
    """

    ADA: Final = {
        "sub": "8f2d-ada",
        "preferred_username": "ada",
        "name": "Ada Example",
        "email": "ada@example.com",
        "email_verified": True,
        "groups": ["staff"],
    }
    OCTO: Final = {
        "id": 583231,
        "login": "octo",
        "name": "Octo Example",
        "email": None,
        "emails": [
            {"email": "octo@users.example.net", "primary": False, "verified": True, "visibility": None},
            {"email": "octo@example.com", "primary": True, "verified": True, "visibility": "private"},
        ],
    }

    def __init__(
        self,
        folder: Path,
        certificates: Certificates | None = None,
        *,
        redirect_uris: Sequence[str] = ("https://client.example.test/callback",),
        ports: tuple[int, int, int] | None = None,
        logs: Path | None = None,
    ) -> None:
        """Raises ``MissingNodePackages``. ``ports`` are those of the issuer, of the other server, and of control."""
        folder.mkdir(parents=True, exist_ok=True)
        port, github_port, control_port = ports or free_ports(3)
        self.certificates = certificates or Certificates(folder / "certificates")
        self.issuer = f"https://localhost:{port}"
        self.github = f"https://localhost:{github_port}"
        self.address = ("localhost", port)
        self.github_address = ("localhost", github_port)
        self.client = UpstreamClient(
            id="relying-party", secret=secrets.token_urlsafe(32), redirect_uris=tuple(redirect_uris)
        )
        self.password = secrets.token_urlsafe(18)
        """Of each account that was given no other."""
        self._clients = {self.client.id: self.client}
        self._control_url = f"http://{HOST}:{control_port}/__control"
        self._control = Session()
        self._configuration = folder / "upstream.json"
        self._ports = {"port": port, "github_port": github_port, "control_port": control_port}
        environment = {**os.environ, "NODE_EXTRA_CA_CERTS": str(self.certificates.ca)}
        command = (_node(), _PROGRAM, self._configuration)
        log = log_in(logs or folder, "upstream")
        super().__init__(ServerProcess("upstream", command, log, self._missing, environment=environment))

    @property
    def ca(self) -> Path:
        """The PEM file of the authority that clients must trust."""
        return self.certificates.ca

    def start(self) -> None:
        """Start and wait until it can be used. Clients that were registered meanwhile are known."""
        self._configuration.touch(mode=0o600)
        self._configuration.write_text(json.dumps(self._configured()), encoding="utf-8")
        super().start()

    def stop(self) -> None:
        """End in order."""
        super().stop()
        self._control.close()

    def restore(self) -> None:
        """Run, do right, and know the accounts and the key of the beginning, with nobody signed in."""
        super().restore()
        self._call("POST", "reset")

    def register_client(self, **members: Any) -> UpstreamClient:
        """Add a client with an id and a secret of its own; ``members`` are those of ``UpstreamClient``.

        It stays for as long as this object lives: one that outlives a test is a module's own, and cannot get in the
        way of others.
        """
        new = {"id": f"client-{secrets.token_hex(6)}", "secret": secrets.token_urlsafe(32), **members}
        client = UpstreamClient(**new)
        self._call("POST", "clients", client.registration())
        self._clients[client.id] = client
        return client

    def misbehave(self, **wrongs: Any) -> None:
        """Do these things wrong from now on, and nothing else; without any: do right.

        ``discovery``, ``jwks``, ``token``, ``userinfo``, ``github_token``, ``github_user`` and ``github_emails`` take a
        wrong, ``id_token`` a forgery. ``decoys=False`` leaves useless keys out of the document of keys, ``kids=False``
        every ``kid``. Raises ``ValueError`` for what the program does not understand.
        """
        self._call("PUT", "", wrongs)

    def rotate(self, *steps: Step) -> None:
        """Take these steps of a rotation, all three where none is named.

        ``publish``: a new key is in the document. ``sign``: the newest key signs; where that signs already, a new one
        does which is not published. ``drop``: all keys but the signing one leave the document.
        """
        for step in steps or ("publish", "sign", "drop"):
            self._call("POST", "keys", {"step": step})

    def requests(self, endpoint: str | None = None) -> list[SeenRequest]:
        """Return what was asked since the test began, in order: everything, or what one endpoint was asked."""
        seen = [SeenRequest(**request) for request in self._call("GET", "requests")]
        return [request for request in seen if endpoint in (None, request.endpoint)]

    def set_account(self, sub: str, **claims: Any) -> None:
        """Change what is told of somebody at the OpenID Provider, or add somebody.

        Who is added has ``password`` where no other is given. None takes a claim away. Claims may have any JSON value,
        a wrong one too.
        """
        self._call("PUT", f"accounts/{quote(sub, safe='')}", claims)

    def set_member(self, member_id: int, **changes: Any) -> None:
        """Change what is told of somebody at the GitHub-like server, or add somebody."""
        self._call("PUT", f"members/{member_id}", changes)

    def logout_token(
        self, *, sub: str | None = None, sid: str | None = None, client_id: str | None = None, **forgery: Any
    ) -> str:
        """Return a logout token for a client, the first one where none is named; right unless forged."""
        wanted = {"sub": sub, "sid": sid, "client_id": client_id}
        given = {name: value for name, value in wanted.items() if value is not None}
        answer = self._call("POST", "logout-token", {**given, **forgery})
        return str(answer["logout_token"])

    def browser(self) -> Session:
        """Return a new browser, with no cookies, that trusts the providers."""
        session = Session()
        # Proxies and netrc of whoever runs the tests are none of its business.
        session.trust_env = False
        session.verify = str(self.ca)
        return session

    def sign_in(
        self,
        url: str,
        username: str | None = None,
        password: str | None = None,
        *,
        cancel: bool = False,
        browser: Session | None = None,
    ) -> Arrival:
        """Go from an authorization request through the provider's pages as somebody would, and return where that leads.

        Without ``username`` the account of the beginning signs in. A ``browser`` in which somebody signed in before is
        asked nothing. Raises ``SignInStopped`` for an error page, a wrong password included.
        """
        is_github = self._is_below(url, self.github)
        username = username or str(self.OCTO["login"] if is_github else self.ADA["preferred_username"])
        answers = {"username": username, "password": password or self.password}
        if is_github:
            answers = {"login": username}
        return self._walk(url, {"cancel": "yes"} if cancel else answers, browser)

    def sign_out(self, url: str, *, browser: Session) -> Arrival:
        """Go from a logout request through the provider's pages, and return where that leads."""
        return self._walk(url, {"logout": "yes"}, browser)

    def _walk(self, url: str, answers: Mapping[str, str], browser: Session | None) -> Arrival:
        """Follow redirects and fill in forms for as long as they stay at a provider."""
        if browser is None:
            with self.browser() as new:
                return self._walk(url, answers, new)
        form: Mapping[str, str] | None = None
        for _ in range(_MOST_PAGES):
            if not self._is_ours(url):
                return Arrival(url, form)
            answer = browser.request(
                "GET" if form is None else "POST",
                url,
                data=form,
                allow_redirects=False,
                timeout=_PAGE_TIMEOUT_SECONDS,
            )
            if answer.status_code in _REDIRECTS:
                url, form = urljoin(url, answer.headers["Location"]), None
                continue
            found = _Form.read(answer.text)
            if not answer.ok or found is None:
                raise SignInStopped(f"{url} was answered {answer.status_code}: {_text_of(answer.text)}")
            url, form = urljoin(url, found.action), found.hidden
            # What a form_post sends has nothing to fill in: it goes as it is.
            if found.asks or "xsrf" in found.hidden:
                form = {**found.hidden, **answers}
        raise SignInStopped(f"still at {url} after {_MOST_PAGES} pages")

    def _is_ours(self, url: str) -> bool:
        return self._is_below(url, self.issuer) or self._is_below(url, self.github)

    @staticmethod
    def _is_below(url: str, origin: str) -> bool:
        return url == origin or url.startswith(f"{origin}/")

    def _configured(self) -> dict[str, Any]:
        return {
            **self._ports,
            "certificate": str(self.certificates.certificate),
            "key": str(self.certificates.key),
            "password": self.password,
            "clients": [client.registration() for client in self._clients.values()],
            "accounts": [{**self.ADA, "password": self.password}],
            "members": [self.OCTO],
        }

    def _call(self, method: str, path: str, body: Mapping[str, Any] | None = None) -> Any:
        url = f"{self._control_url}/{path}" if path else self._control_url
        answer = self._control.request(method, url, json=body, timeout=_CONTROL_TIMEOUT_SECONDS)
        if answer.status_code == 422:
            raise ValueError(answer.json()["problem"])
        if not answer.ok:
            raise HTTPError(f"{method} {url} was answered {answer.status_code}: {answer.text}")
        return answer.json()

    def _missing(self) -> str | None:
        try:
            self._call("GET", "")
        except RequestException as refused:
            return str(refused)
        return None


class _Form(HTMLParser):
    """The first form of a page: where it goes, what it has already, and whether it asks for anything."""

    def __init__(self) -> None:
        super().__init__()
        self.action: str | None = None
        self.hidden: dict[str, str] = {}
        self.asks = False

    @classmethod
    def read(cls, page: str) -> _ReadForm | None:
        """Return what the page has, or None where it has no form."""
        parser = cls()
        parser.feed(page)
        return None if parser.action is None else _ReadForm(parser.action, parser.hidden, parser.asks)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        attributes = {name: value or "" for name, value in attrs}
        if tag == "form" and self.action is None:
            self.action = attributes.get("action", "")
        elif tag == "input" and attributes.get("type") == "hidden":
            self.hidden[attributes["name"]] = attributes.get("value", "")
        elif tag in {"input", "button"} and "name" in attributes:
            self.asks = True


@dataclass(frozen=True, slots=True)
class _ReadForm:
    action: str
    hidden: Mapping[str, str]
    asks: bool


class _Text(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.pieces: list[str] = []

    def handle_data(self, data: str) -> None:
        self.pieces.extend(data.split())


def _text_of(page: str) -> str:
    parser = _Text()
    parser.feed(page)
    return " ".join(parser.pieces)


def _node() -> Path:
    program = shutil.which("node")
    if program is None:
        raise MissingNodePackages("node")
    if not _PACKAGES.is_dir():
        raise MissingNodePackages(str(_PACKAGES.relative_to(ROOT).parent))
    return Path(program)
