"""What a fake issuer answers on the wire: what verifiers ask, and nothing else."""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from typing import Final
from urllib.parse import quote_plus
from uuid import UUID

from paseport.identifiers import parse_uuid
from paseport.subject import SubjectState

from paseport_testkit.fake_issuer.feed import MAX_WAIT_SECONDS, FakeFeed, UnknownPosition
from paseport_testkit.fake_issuer.http_server import Request, Response
from paseport_testkit.fake_issuer.keys import KeyRing

KEY_DOCUMENT_MAX_AGE_SECONDS: Final = 1


class Endpoints:
    """The key document for everybody; the feed and the state of users for one registered verifier."""

    def __init__(
        self,
        keys: KeyRing,
        users: Mapping[UUID, SubjectState],
        feed: FakeFeed,
        client_id: str,
        client_secret: str,
    ) -> None:
        self._keys = keys
        self._users = users
        self._feed = feed
        # RFC 6749 §2.3.1: both are form-encoded before they are joined.
        pair = f"{quote_plus(client_id)}:{quote_plus(client_secret)}"
        self._credential = base64.b64encode(pair.encode()).decode()
        self.is_down = False

    async def __call__(self, request: Request) -> Response | None:
        """Answer; hang up while the issuer is down."""
        if self.is_down:
            return None
        match request.method, request.path:
            case "GET", "/.well-known/paserk.json":
                return self._key_document()
            case "GET", "/verifiers/v1/feed":
                return await self._read_feed(request) if self._is_verifier(request) else _unauthorized()
            case "POST", "/verifiers/v1/principals":
                return self._find_principal(request) if self._is_verifier(request) else _unauthorized()
        return Response.problem(404, "not_found")

    def _is_verifier(self, request: Request) -> bool:
        scheme, _, credential = request.headers.get("authorization", "").partition(" ")
        return scheme.lower() == "basic" and credential == self._credential

    def _key_document(self) -> Response:
        headers = {
            "Content-Type": "application/json",
            "Cache-Control": f"max-age={KEY_DOCUMENT_MAX_AGE_SECONDS}",
        }
        return Response(200, self._keys.document(), headers)

    async def _read_feed(self, request: Request) -> Response:
        query = request.query
        try:
            if "page" in query:
                return Response.json(await self._feed.page(query["page"], request.gone))
            if "epoch" in query and "seq" in query:
                epoch, seq, wait = int(query["epoch"]), int(query["seq"]), float(query.get("wait", "0"))
                if min(epoch, seq) < 0 or not 0 <= wait <= MAX_WAIT_SECONDS:
                    return _bad_request()
                return Response.json(await self._feed.changes_since(epoch, seq, wait, request.gone))
        except UnknownPosition:
            pass
        except ValueError:
            return _bad_request()
        return Response.json(await self._feed.first_page(request.gone))

    def _find_principal(self, request: Request) -> Response:
        try:
            asked = json.loads(request.body)
        except ValueError:
            return _bad_request()
        subject = asked.get("subject") if isinstance(asked, dict) else None
        user_id = parse_uuid(subject) if isinstance(subject, str) else None
        if user_id is None:
            return _bad_request()
        state = self._users.get(user_id)
        if state is None:
            return Response.problem(404, "not_found")
        return Response.json(
            {
                "subject": str(state.user_id),
                "username": state.username,
                "roles": sorted(state.roles),
                "enabled": state.enabled,
                "version": state.version,
                "revision": state.revision,
            }
        )


def _bad_request() -> Response:
    return Response.problem(400, "invalid_request")


def _unauthorized() -> Response:
    return Response.problem(401, "invalid_client", {"WWW-Authenticate": 'Basic realm="paseport"'})
