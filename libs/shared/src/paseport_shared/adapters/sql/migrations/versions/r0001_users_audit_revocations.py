"""Users with their roles, the audit log, revocations and password reset links.

Going back drops all of them with their rows: that is the declared loss of this step.
"""

import sqlalchemy as sa
from alembic import op

from paseport_shared.adapters.sql.tables import TABLE_OPTIONS
from paseport_shared.adapters.sql.types import UtcDateTime, digest, long_text, text

revision = "0001"
down_revision = None


def upgrade() -> None:
    op.create_table(
        "users",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("username", text(64), nullable=False),
        sa.Column("canonical_username", text(64), nullable=False),
        sa.Column("email", text(254), nullable=False),
        sa.Column("canonical_email", text(254), nullable=False),
        sa.Column("display_name", text(100)),
        sa.Column("canonical_display_name", long_text(), nullable=False),
        sa.Column("password_hash", text(512)),
        sa.Column("disabled", sa.Boolean(), nullable=False),
        sa.Column("built_in", sa.Boolean(), nullable=False),
        sa.Column("version", sa.BigInteger(), nullable=False),
        sa.Column("revision", sa.BigInteger(), nullable=False),
        sa.Column("created_at", UtcDateTime(), nullable=False),
        sa.Column("updated_at", UtcDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_users"),
        sa.UniqueConstraint("canonical_username", name="uq_users_canonical_username"),
        sa.UniqueConstraint("canonical_email", name="uq_users_canonical_email"),
        if_not_exists=True,
        **TABLE_OPTIONS,
    )
    op.create_index("ix_users_created_at_id", "users", ["created_at", "id"], if_not_exists=True)

    op.create_table(
        "user_roles",
        sa.Column("user_id", sa.Uuid(), nullable=False),
        sa.Column("role", text(64), nullable=False),
        sa.PrimaryKeyConstraint("user_id", "role", name="pk_user_roles"),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name="fk_user_roles_user_id_users", ondelete="CASCADE"),
        if_not_exists=True,
        **TABLE_OPTIONS,
    )
    op.create_index("ix_user_roles_role_user_id", "user_roles", ["role", "user_id"], if_not_exists=True)

    op.create_table(
        "audit_events",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("at", UtcDateTime(), nullable=False),
        sa.Column("actor_subject", text(255), nullable=False),
        sa.Column("actor_client_id", text(255), nullable=False),
        sa.Column("actor_address", text(255)),
        sa.Column("actor_request_id", text(255)),
        sa.Column("action", text(64), nullable=False),
        sa.Column("target", text(255)),
        sa.Column("before", sa.JSON(), nullable=False),
        sa.Column("after", sa.JSON(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_audit_events"),
        if_not_exists=True,
        **TABLE_OPTIONS,
    )

    op.create_table(
        "revocations",
        sa.Column("kind", text(16), nullable=False),
        sa.Column("subject", text(255), nullable=False),
        sa.Column("min_version", sa.BigInteger()),
        sa.Column("recorded_at", UtcDateTime(), nullable=False),
        sa.Column("expires_at", UtcDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("kind", "subject", name="pk_revocations"),
        if_not_exists=True,
        **TABLE_OPTIONS,
    )
    op.create_index("ix_revocations_expires_at", "revocations", ["expires_at"], if_not_exists=True)

    op.create_table(
        "password_resets",
        sa.Column("user_id", sa.Uuid(), nullable=False),
        sa.Column("token_hash", digest(32), nullable=False),
        sa.Column("created_at", UtcDateTime(), nullable=False),
        sa.Column("expires_at", UtcDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("user_id", name="pk_password_resets"),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name="fk_password_resets_user_id_users", ondelete="CASCADE"),
        if_not_exists=True,
        **TABLE_OPTIONS,
    )
    op.create_index("ix_password_resets_token_hash", "password_resets", ["token_hash"], if_not_exists=True)


def downgrade() -> None:
    for table in ("password_resets", "revocations", "audit_events", "user_roles", "users"):
        op.drop_table(table, if_exists=True)
