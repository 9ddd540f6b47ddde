"""An issuer on in-memory adapters and a clock that the test moves."""

from __future__ import annotations

import base64
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import timedelta
from functools import cached_property
from pathlib import Path
from uuid import UUID

import msgspec
from paseport.claims import Claims
from paseport.principal import Principal
from paseport.revocation import FeedPosition, Revocation
from paseport.secret import Secret
from paseport.token_verifier import TokenVerifier
from paseport_issuer.settings import Settings
from paseport_issuer.use_cases.caller import Caller
from paseport_issuer.use_cases.change_user import ChangeUserCommand, UserChange
from paseport_issuer.use_cases.create_user import CreateUserCommand
from paseport_issuer.use_cases.end_session import EndSessionCommand
from paseport_issuer.use_cases.issue_tokens import IssuedTokens
from paseport_issuer.use_cases.keep_signing_keys import KeepSigningKeys
from paseport_issuer.use_cases.login_local import LoginLocalCommand
from paseport_issuer.use_cases.new_ids import NewIds
from paseport_issuer.use_cases.refresh_tokens import RefreshCommand
from paseport_issuer.use_cases.sign_access_token import SignAccessToken, UserGrant
from paseport_issuer.wiring import IssuerAdapters, UseCases, wire
from paseport_shared.adapters.bcrypt.password_hasher import BcryptPasswordHasher
from paseport_shared.adapters.jose.id_token_reader import JoseIdTokenReader
from paseport_shared.adapters.jose.id_token_signer import JoseIdTokenSigner
from paseport_shared.adapters.jose.jwks_document import JwksDocument
from paseport_shared.adapters.keyfile.data_key import KeyFileCipher
from paseport_shared.adapters.keyfile.key_file import KeyFile
from paseport_shared.adapters.keyfile.rsa_key_file import RsaKeyFile
from paseport_shared.adapters.memory.api_key_directory import MemoryApiKeyDirectory
from paseport_shared.adapters.memory.api_key_usage import MemoryApiKeyUsage
from paseport_shared.adapters.memory.attempt_limiter import MemoryAttemptLimiter
from paseport_shared.adapters.memory.authorization_code_store import MemoryAuthorizationCodeStore
from paseport_shared.adapters.memory.client_directory import MemoryClientDirectory
from paseport_shared.adapters.memory.clock import ManualClock
from paseport_shared.adapters.memory.outage import MemoryOutage
from paseport_shared.adapters.memory.pending_record import MemoryPendingRecord
from paseport_shared.adapters.memory.randomness import SeededRandomness
from paseport_shared.adapters.memory.record import MemoryRecord
from paseport_shared.adapters.memory.refresh_token_store import MemoryRefreshTokenStore
from paseport_shared.adapters.memory.revocation_feed import MemoryRevocationFeed
from paseport_shared.adapters.memory.role_directory import MemoryRoleDirectory
from paseport_shared.adapters.memory.session_store import MemorySessionStore
from paseport_shared.adapters.memory.single_use_store import MemorySingleUseStore
from paseport_shared.adapters.memory.transaction_store import MemoryTransactionStore
from paseport_shared.adapters.paseto.key_document import KeyDocument
from paseport_shared.adapters.paseto.own_keys import OwnKeys
from paseport_shared.adapters.paseto.token_signer import PasetoTokenSigner
from paseport_shared.adapters.sql.record import SqlRecord
from paseport_shared.domain.models.audit import Actor, AuditEvent
from paseport_shared.domain.models.authorization import Redemption
from paseport_shared.domain.models.client import api_audience, built_in_clients
from paseport_shared.domain.models.edge_session import HandoverTicket
from paseport_shared.domain.models.external_sign_in import ExternalSignIn, PendingLink
from paseport_shared.domain.models.refresh_token import RefreshFamily, RefreshPolicy
from paseport_shared.domain.models.user import User
from paseport_shared.domain.ports.record import RecordTransaction
from paseport_shared.domain.ports.upstream import UpstreamProviders
from rsa_samples import write_id_keys
from scripted_upstream import ScriptedUpstream

ISSUER = "https://auth.example.com"
PASSWORD = Secret("correct horse battery staple")
ADMIN_ACTOR = Actor("00000000-0000-7000-8000-00000000ad01", "bff")
CALLER = Caller(address="192.0.2.7", user_agent="a browser", request_id="request-1")
APP, CLI = built_in_clients(ISSUER)


@dataclass
class Outages:
    """One switch per backend: ``redis`` is everything that lives in Redis in production."""

    mariadb: MemoryOutage = field(default_factory=MemoryOutage)
    redis: MemoryOutage = field(default_factory=MemoryOutage)
    vault: MemoryOutage = field(default_factory=MemoryOutage)
    publishing: MemoryOutage = field(default_factory=MemoryOutage)
    """Revocations alone: Redis answers, but no replica confirms."""
    redeeming: MemoryOutage = field(default_factory=MemoryOutage)
    """Uses of authorization codes alone: Redis has them, but no replica confirms."""
    opening: MemoryOutage = field(default_factory=MemoryOutage)
    """New families alone: Redis has them, but no replica confirms."""


class SwitchedCodes(MemoryAuthorizationCodeStore):
    """Codes whose use can be left unconfirmed."""

    def __init__(self, outages: Outages) -> None:
        super().__init__(outages.redis)
        self._redeeming = outages.redeeming

    async def redeem(self, code_id: str, attempt: str) -> Redemption:
        redemption = await super().redeem(code_id, attempt)
        self._redeeming.check()
        return redemption


class SwitchedFamilies(MemoryRefreshTokenStore):
    """Families whose beginning can be left unconfirmed."""

    def __init__(self, policy: RefreshPolicy, outages: Outages) -> None:
        super().__init__(policy, outages.redis)
        self._opening = outages.opening

    async def open_family(self, family: RefreshFamily) -> None:
        try:
            await super().open_family(family)
        finally:
            self._opening.check()


class SwitchedFeed(MemoryRevocationFeed):
    """A feed to which publishing can be cut off by itself."""

    def __init__(self, outages: Outages) -> None:
        super().__init__(1, outages.redis)
        self._publishing = outages.publishing

    async def publish(self, revocation: Revocation, *more: Revocation) -> FeedPosition:
        self._publishing.check()
        return await super().publish(revocation, *more)


class SwitchedSigner:
    """A signer that can be cut off and counts what it signed."""

    def __init__(self, inner: KeyFile | RsaKeyFile, outage: MemoryOutage) -> None:
        self._inner = inner
        self._outage = outage
        self.signed = 0

    async def sign(self, message: bytes, *, key_version: int) -> bytes:
        self._outage.check()
        self.signed += 1
        return await self._inner.sign(message, key_version=key_version)


class SwitchedCipher:
    """A cipher that can be cut off."""

    def __init__(self, inner: KeyFileCipher, outage: MemoryOutage) -> None:
        self._inner = inner
        self._outage = outage

    async def seal(self, plain: Secret[str], *, purpose: str, owner: str) -> str:
        self._outage.check()
        return await self._inner.seal(plain, purpose=purpose, owner=owner)

    async def open(self, sealed: str, *, purpose: str, owner: str) -> Secret[str]:
        self._outage.check()
        return await self._inner.open(sealed, purpose=purpose, owner=owner)


def issuer_settings(**changes: object) -> Settings:
    """Return settings for tests; ``changes`` replace fields."""
    values: dict[str, object] = {
        "access_token_issuer": ISSUER,
        "refresh_key": Secret(b"r" * 32),
        "api_key_pepper": Secret("1:pepper-of-at-least-32-characters-0123456789"),
        "edge_hosts": ("app.example.com", "*.apps.example.com"),
        "service_secret": Secret("service-secret-of-at-least-32-characters"),
        "bff_client_secret": Secret("bff-client-secret-of-at-least-32-characters"),
        "cli_secret": Secret("cli-secret-of-at-least-32-characters-long"),
        "allowed_hosts": ("auth.example.com",),
    }
    return Settings(**(values | changes))  # type: ignore[arg-type] - a test may replace any field


class IssuerWorld:
    """The issuer's use cases, and short ways to act on them."""

    def __init__(
        self,
        folder: Path,
        settings: Settings | None = None,
        record: SqlRecord | None = None,
        upstream: UpstreamProviders | None = None,
        clock: ManualClock | None = None,
    ) -> None:
        self.settings = settings or issuer_settings()
        self.clock = clock or ManualClock()
        self.randomness = SeededRandomness()
        self.outages = Outages()
        self.holder = KeyFile(folder / "keys.json", self.clock, self.randomness)
        self.signer = SwitchedSigner(self.holder, self.outages.vault)
        self.id_holder = RsaKeyFile(write_id_keys(folder / "id-keys.json"), self.clock)
        self.id_signer = SwitchedSigner(self.id_holder, self.outages.vault)
        # Tests are written for any record.
        self.record: MemoryRecord = MemoryRecord(self.outages.mariadb) if record is None else record  # type: ignore[assignment]
        self.keys = self._keep("paseport-access", self.holder)
        self.id_keys = self._keep("paseport-id", self.id_holder)
        if record is None:
            # In memory nothing is waited for, so a constructor can do it.
            with suppress(StopIteration):
                self.load_keys().send(None)
        self.sessions = MemorySessionStore(self.settings.session_policy, self.outages.redis)
        self.families = SwitchedFamilies(self.settings.refresh_policy, self.outages)
        self.roles = MemoryRoleDirectory(self.outages.redis)
        self.clients = MemoryClientDirectory(self.outages.redis)
        self.api_keys = MemoryApiKeyDirectory(self.outages.redis)
        self.api_key_usage = MemoryApiKeyUsage(self.outages.redis)
        self.feed = SwitchedFeed(self.outages)
        self.upstream = ScriptedUpstream()
        self.hasher = BcryptPasswordHasher({1: Secret(b"p" * 32)}, 1, 4, workers=2)
        self.adapters = IssuerAdapters(
            record=self.record,
            sessions=self.sessions,
            families=self.families,
            transactions=MemoryTransactionStore(self.outages.redis),
            external_sign_ins=MemorySingleUseStore[ExternalSignIn](self.outages.redis),
            pending_links=MemorySingleUseStore[PendingLink](self.outages.redis),
            handovers=MemorySingleUseStore[HandoverTicket](self.outages.redis),
            codes=SwitchedCodes(self.outages),
            roles=self.roles,
            clients=self.clients,
            api_keys=self.api_keys,
            api_key_usage=self.api_key_usage,
            limiter=MemoryAttemptLimiter(self.outages.redis),
            publisher=self.feed,
            feed=self.feed,
            pending=MemoryPendingRecord(self.outages.redis),
            hasher=self.hasher,
            upstream=upstream or self.upstream,
            cipher=SwitchedCipher(KeyFileCipher(folder / "data-keys.json", self.randomness), self.outages.vault),
            signing_keys=self.keys,
            token_signer=PasetoTokenSigner(self.keys, self.signer),
            token_verifier=TokenVerifier(
                OwnKeys(self.keys),
                issuer=ISSUER,
                audience=api_audience(ISSUER),
                max_lifetime=timedelta(hours=1),
                clock=self.clock,
            ),
            any_token_verifier=TokenVerifier(
                OwnKeys(self.keys),
                issuer=ISSUER,
                audience=None,
                max_lifetime=timedelta(hours=1),
                clock=self.clock,
            ),
            key_document=KeyDocument(self.keys),
            id_keys=self.id_keys,
            id_token_signer=JoseIdTokenSigner(self.id_keys, self.id_signer),
            id_token_reader=JoseIdTokenReader(self.id_keys, issuer=ISSUER),
            jwks_document=JwksDocument(self.id_keys),
            clock=self.clock,
            randomness=self.randomness,
        )

    @cached_property
    def use(self) -> UseCases:
        """The use cases; those of the issuer, where one runs."""
        return wire(self.settings, self.adapters)

    async def load_keys(self) -> None:
        """Let the issuer know its keys, as its process does before it serves."""
        await self.keys.load()
        await self.id_keys.load()

    def _keep(self, key_name: str, holder: KeyFile | RsaKeyFile) -> KeepSigningKeys:
        return KeepSigningKeys(
            key_name=key_name,
            record=self.record,
            holder=holder,
            document_max_age=self.settings.key_document_max_age,
            clock=self.clock,
            ids=NewIds(self.clock, self.randomness),
        )

    async def close(self) -> None:
        """Give the hashing threads back."""
        self.hasher.close()

    async def add_user(
        self, username: str = "alice", *, roles: tuple[str, ...] = ("User",), password: Secret[str] | None = PASSWORD
    ) -> User:
        """Create a user ``<username>@example.com``."""
        command = CreateUserCommand(username, f"{username}@example.com", None, frozenset(roles), password, ADMIN_ACTOR)
        return await self.use.create_user(command)

    async def disable(self, user: User) -> User:
        """Disable a user, as an administrator."""
        change = UserChange(frozenset({"disabled"}), disabled=True)
        stored = await self.user(user.id)
        return await self.use.change_user(ChangeUserCommand(user.id, stored.revision, change, ADMIN_ACTOR))

    async def vouch_for(self, user: User, display_name: str) -> User:
        """Say that a user's address is known to be theirs, and what they are called, as an administrator."""
        named = frozenset({"email_verified", "display_name"})
        change = UserChange(named, email_verified=True, display_name=display_name)
        return await self.use.change_user(ChangeUserCommand(user.id, user.revision, change, ADMIN_ACTOR))

    async def sign_in(
        self, login: str = "alice", password: Secret[str] = PASSWORD, replaced: Secret[str] | None = None
    ) -> IssuedTokens:
        """Sign in with a password."""
        return await self.use.login_local(LoginLocalCommand(login, password, CALLER, replaced))

    async def refresh(self, token: Secret[str], client: object = APP) -> IssuedTokens:
        """Present a refresh token."""
        return await self.use.refresh_tokens(RefreshCommand(token, client, CALLER))  # type: ignore[arg-type]

    async def sign_out(self, issued: IssuedTokens, *, everywhere: bool = False) -> None:
        """Sign out the browser that holds ``issued``."""
        command = EndSessionCommand(issued.session_cookie, issued.refresh_token, everywhere, APP, CALLER)
        await self.use.end_session(command)

    async def authenticate(self, token: str) -> Principal:
        """Present an access token, with everything the feed has to say taken in first."""
        await self.follow()
        return await self.use.authenticate_bearer(token)

    async def token_for(self, grant: UserGrant) -> str:
        """Return an access token of the app's client for any grant: for scopes that no sign-in hands out."""
        ids = NewIds(self.clock, self.randomness)
        sign = SignAccessToken(ISSUER, self.settings.access_token_ttl, self.adapters.token_signer, self.clock, ids)
        return (await sign(APP, grant)).value

    async def follow(self) -> None:
        """Bring the issuer's own copy of the revocations up to date without waiting."""
        await self.use.follow_revocations.step(wait_seconds=0)

    async def user(self, user_id: UUID) -> User:
        """Return the user as recorded."""
        return await self.use.read_users.one(user_id)

    async def audited(self) -> list[AuditEvent]:
        """Return the audit log, oldest first, with pending entries brought in; without the first start's own."""
        await self.use.record_pending.drain()

        async def read(transaction: RecordTransaction) -> tuple[AuditEvent, ...]:
            return await transaction.audit.latest(1_000)

        recorded = reversed(await self.record.transact(read))
        return [event for event in recorded if event.action != "signing_key.activated"]

    async def actions(self) -> list[str]:
        """Return the audited actions, oldest first."""
        return [event.action for event in await self.audited()]

    async def claims(self, token: str) -> Claims:
        """Return a token's claims after full verification."""
        return await self.adapters.token_verifier.verify(token)


def raw_payload(token: str) -> dict[str, object]:
    """Return what stands in a token, unverified: for tests of the wire form."""
    payload = base64.urlsafe_b64decode(token.split(".")[2] + "==")[:-64]
    return msgspec.json.decode(payload, type=dict[str, object])
