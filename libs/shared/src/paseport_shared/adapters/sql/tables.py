"""The tables, as this version of the code reads and writes them. ``migrations`` brings a database here."""

from __future__ import annotations

from typing import Any, Final

import sqlalchemy as sa

from paseport_shared.adapters.sql.types import COLLATION, UtcDateTime, digest, long_text, octets, text

NAMING: Final = {
    "pk": "pk_%(table_name)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    "fk": "fk_%(table_name)s_%(column_0_N_name)s_%(referred_table_name)s",
    "ck": "ck_%(table_name)s_%(constraint_name)s",
}
"""Every constraint has the same name on every engine, so a later migration can drop it."""

TABLE_OPTIONS: Final[dict[str, Any]] = {
    f"{dialect}_{option}": value
    for dialect in ("mysql", "mariadb")
    for option, value in (("engine", "InnoDB"), ("default_charset", "utf8mb4"), ("collate", COLLATION))
}

metadata = sa.MetaData(naming_convention=NAMING)

users = sa.Table(
    "users",
    metadata,
    sa.Column("id", sa.Uuid(), primary_key=True),
    sa.Column("username", text(64), nullable=False),
    sa.Column("canonical_username", text(64), nullable=False),
    sa.Column("email", text(254), nullable=False),
    sa.Column("canonical_email", text(254), nullable=False),
    sa.Column("display_name", text(100)),
    # For the search; empty without a name. Compatibility forms can grow eighteenfold, hence no fixed length.
    sa.Column("canonical_display_name", long_text(), nullable=False),
    sa.Column("password_hash", text(512)),
    sa.Column("disabled", sa.Boolean(), nullable=False),
    sa.Column("built_in", sa.Boolean(), nullable=False),
    sa.Column("version", sa.BigInteger(), nullable=False),
    sa.Column("revision", sa.BigInteger(), nullable=False),
    sa.Column("created_at", UtcDateTime(), nullable=False),
    sa.Column("updated_at", UtcDateTime(), nullable=False),
    sa.Column("email_verified", sa.Boolean(), nullable=False, server_default=sa.text("0")),
    sa.UniqueConstraint("canonical_username"),
    sa.UniqueConstraint("canonical_email"),
    sa.Index(None, "created_at", "id"),
    **TABLE_OPTIONS,
)

user_roles = sa.Table(
    "user_roles",
    metadata,
    sa.Column("user_id", sa.Uuid(), sa.ForeignKey(users.c.id, ondelete="CASCADE"), primary_key=True),
    sa.Column("role", text(64), primary_key=True),
    sa.Index(None, "role", "user_id"),
    **TABLE_OPTIONS,
)

audit_events = sa.Table(
    "audit_events",
    metadata,
    # UUIDv7: the order of ids is the order of events.
    sa.Column("id", sa.Uuid(), primary_key=True),
    sa.Column("at", UtcDateTime(), nullable=False),
    sa.Column("actor_subject", text(255), nullable=False),
    sa.Column("actor_client_id", text(255), nullable=False),
    sa.Column("actor_address", text(255)),
    sa.Column("actor_request_id", text(255)),
    sa.Column("action", text(64), nullable=False),
    sa.Column("target", text(255)),
    sa.Column("before", sa.JSON(), nullable=False),
    sa.Column("after", sa.JSON(), nullable=False),
    **TABLE_OPTIONS,
)

revocations = sa.Table(
    "revocations",
    metadata,
    sa.Column("kind", text(16), primary_key=True),
    sa.Column("subject", text(255), primary_key=True),
    sa.Column("min_version", sa.BigInteger()),
    sa.Column("recorded_at", UtcDateTime(), nullable=False),
    sa.Column("expires_at", UtcDateTime(), nullable=False),
    sa.Index(None, "expires_at"),
    **TABLE_OPTIONS,
)

password_resets = sa.Table(
    "password_resets",
    metadata,
    sa.Column("user_id", sa.Uuid(), sa.ForeignKey(users.c.id, ondelete="CASCADE"), primary_key=True),
    sa.Column("token_hash", digest(32), nullable=False),
    sa.Column("created_at", UtcDateTime(), nullable=False),
    sa.Column("expires_at", UtcDateTime(), nullable=False),
    sa.Index(None, "token_hash"),
    **TABLE_OPTIONS,
)

consents = sa.Table(
    "consents",
    metadata,
    sa.Column("user_id", sa.Uuid(), sa.ForeignKey(users.c.id, ondelete="CASCADE"), primary_key=True),
    sa.Column("client_id", text(64), primary_key=True),
    sa.Column("scope", sa.JSON(), nullable=False),
    sa.Column("granted_at", UtcDateTime(), nullable=False),
    **TABLE_OPTIONS,
)

signing_keys = sa.Table(
    "signing_keys",
    metadata,
    sa.Column("key_name", text(255), primary_key=True),
    sa.Column("version", sa.BigInteger(), primary_key=True, autoincrement=False),
    sa.Column("kid", text(51), nullable=False),
    sa.Column("public_key", digest(32), nullable=False),
    sa.Column("status", text(16), nullable=False),
    # The key's name where this version is ACTIVE, else NULL: unique, so that no second one can be.
    sa.Column("active_key_name", text(255)),
    sa.Column("not_before", UtcDateTime(), nullable=False),
    sa.Column("not_after", UtcDateTime()),
    sa.Column("changed_at", UtcDateTime(), nullable=False),
    # Of an RSA key its canonical form, whose SHA-256 is in ``public_key``. NULL: an Ed25519 key.
    sa.Column("rsa_public_key", octets(1024)),
    sa.UniqueConstraint("kid"),
    sa.UniqueConstraint("active_key_name"),
    sa.CheckConstraint(
        "(status = 'active' AND active_key_name IS NOT NULL AND active_key_name = key_name)"
        " OR (status <> 'active' AND active_key_name IS NULL)",
        name="active_key_name",
    ),
    **TABLE_OPTIONS,
)

# Without a foreign key: a deleted user's row is the one that must outlive the user.
due_projections = sa.Table(
    "due_projections",
    metadata,
    sa.Column("user_id", sa.Uuid(), primary_key=True),
    sa.Column("version", sa.BigInteger(), nullable=False),
    sa.Column("revision", sa.BigInteger(), nullable=False),
    sa.Column("ends_access", sa.Boolean(), nullable=False),
    sa.Column("since", UtcDateTime(), nullable=False),
    sa.Index(None, "since"),
    **TABLE_OPTIONS,
)

# Some hundred rows at most, so what is a list of one client is a column. A deleted client's row stays: its id is taken.
clients = sa.Table(
    "clients",
    metadata,
    sa.Column("client_id", text(64), primary_key=True),
    sa.Column("kind", text(16), nullable=False, server_default="client"),
    sa.Column("name", text(100), nullable=False),
    sa.Column("canonical_name", long_text(), nullable=False),
    sa.Column("first_party", sa.Boolean(), nullable=False),
    sa.Column("scope", sa.JSON(), nullable=False),
    sa.Column("audience", long_text(), nullable=False),
    sa.Column("audiences", sa.JSON(), nullable=False),
    sa.Column("application_type", text(16), nullable=False),
    sa.Column("auth_method", text(32), nullable=False),
    sa.Column("secrets", sa.JSON(), nullable=False),
    sa.Column("grants", sa.JSON(), nullable=False),
    sa.Column("redirect_uris", sa.JSON(), nullable=False),
    sa.Column("post_logout_redirect_uris", sa.JSON(), nullable=False),
    sa.Column("require_pkce", sa.Boolean(), nullable=False),
    sa.Column("access_token_seconds", sa.BigInteger()),
    sa.Column("refresh_seconds", sa.BigInteger()),
    sa.Column("disabled", sa.Boolean(), nullable=False),
    sa.Column("revision", sa.BigInteger(), nullable=False),
    # What the directory knows. Every change leaves it behind, so the change and the duty to carry it are one write.
    sa.Column("projected_revision", sa.BigInteger(), nullable=False),
    sa.Column("created_at", UtcDateTime(), nullable=False),
    sa.Column("updated_at", UtcDateTime(), nullable=False),
    sa.Column("deleted_at", UtcDateTime()),
    **TABLE_OPTIONS,
)

# A few dozen rows at most, and none is ever deleted: identities and audit events name them.
identity_providers = sa.Table(
    "identity_providers",
    metadata,
    sa.Column("id", sa.Uuid(), primary_key=True),
    sa.Column("name", text(32), nullable=False),
    sa.Column("display_name", text(64), nullable=False),
    sa.Column("kind", text(16), nullable=False),
    sa.Column("issuer", text(255)),
    sa.Column("endpoints", sa.JSON(none_as_null=True)),
    sa.Column("client_id", text(255), nullable=False),
    # Longer than the secret, by as much as the ``DataCipher`` may need.
    sa.Column("sealed_secret", long_text(), nullable=False),
    sa.Column("auth_method", text(32), nullable=False),
    sa.Column("scopes", sa.JSON(), nullable=False),
    sa.Column("claims", sa.JSON(), nullable=False),
    sa.Column("trust_email", text(16), nullable=False),
    sa.Column("allowed_domains", sa.JSON(), nullable=False),
    sa.Column("create_users", sa.Boolean(), nullable=False),
    sa.Column("default_roles", sa.JSON(), nullable=False),
    sa.Column("group_roles", sa.JSON(), nullable=False),
    sa.Column("response_mode", text(16), nullable=False),
    sa.Column("shared_callback", sa.Boolean(), nullable=False),
    sa.Column("end_upstream_session", sa.Boolean(), nullable=False),
    sa.Column("api_access", sa.JSON(none_as_null=True)),
    sa.Column("refresh_seconds", sa.BigInteger(), nullable=False, server_default=sa.text("3600")),
    sa.Column("icon", text(32), nullable=False),
    sa.Column("position", sa.BigInteger(), nullable=False),
    sa.Column("enabled", sa.Boolean(), nullable=False),
    sa.Column("is_default", sa.Boolean(), nullable=False),
    sa.Column("revision", sa.BigInteger(), nullable=False),
    sa.Column("created_at", UtcDateTime(), nullable=False),
    sa.Column("updated_at", UtcDateTime(), nullable=False),
    sa.UniqueConstraint("name"),
    **TABLE_OPTIONS,
)

linked_identities = sa.Table(
    "linked_identities",
    metadata,
    sa.Column("id", sa.Uuid(), primary_key=True),
    sa.Column("namespace", text(255), nullable=False),
    sa.Column("subject", text(255), nullable=False),
    sa.Column("user_id", sa.Uuid(), sa.ForeignKey(users.c.id, ondelete="CASCADE"), nullable=False),
    sa.Column("provider_id", sa.Uuid(), nullable=False),
    sa.Column("email", text(254)),
    sa.Column("linked_at", UtcDateTime(), nullable=False),
    sa.Column("last_used_at", UtcDateTime(), nullable=False),
    # Of two first sign-ins with one identity only one can make it somebody's.
    sa.UniqueConstraint("namespace", "subject"),
    sa.Index(None, "user_id"),
    **TABLE_OPTIONS,
)

# Perhaps a million rows. A revoked key's row stays: its revision keeps late writers from bringing the key back, and a
# legacy digest is not taken twice. Without a foreign key: what is left of a deleted user's keys outlives the user.
api_keys = sa.Table(
    "api_keys",
    metadata,
    sa.Column("id", text(16), primary_key=True),
    sa.Column("owner_id", sa.Uuid(), nullable=False),
    sa.Column("name", text(64), nullable=False),
    sa.Column("canonical_name", long_text(), nullable=False),
    sa.Column("comment", text(500), nullable=False),
    sa.Column("canonical_comment", long_text(), nullable=False),
    sa.Column("email", text(254)),
    sa.Column("roles", sa.JSON(), nullable=False),
    sa.Column("scopes", sa.JSON(), nullable=False),
    sa.Column("hosts", sa.JSON(), nullable=False),
    sa.Column("paths", sa.JSON(), nullable=False),
    sa.Column("methods", sa.JSON(), nullable=False),
    sa.Column("networks", sa.JSON(), nullable=False),
    sa.Column("rate_limit", sa.JSON(none_as_null=True)),
    # Digests under a pepper that no database has.
    sa.Column("secrets", sa.JSON(), nullable=False),
    sa.Column("legacy_digest", text(64)),
    sa.Column("disabled", sa.Boolean(), nullable=False),
    sa.Column("expires_at", UtcDateTime()),
    sa.Column("created_at", UtcDateTime(), nullable=False),
    sa.Column("updated_at", UtcDateTime(), nullable=False),
    sa.Column("deleted_at", UtcDateTime()),
    sa.Column("revision", sa.BigInteger(), nullable=False),
    # Since when the directory may be behind; NULL: it is not. Among a million keys the few that are due are an index.
    sa.Column("due_since", UtcDateTime()),
    sa.Column("last_used_at", UtcDateTime()),
    sa.Column("use_count", sa.BigInteger(), nullable=False),
    sa.UniqueConstraint("legacy_digest"),
    sa.Index(None, "owner_id", "created_at", "id"),
    sa.Index(None, "created_at", "id"),
    sa.Index(None, "due_since", "id"),
    **TABLE_OPTIONS,
)
