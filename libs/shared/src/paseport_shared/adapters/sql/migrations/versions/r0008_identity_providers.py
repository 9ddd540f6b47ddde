"""Identity providers, linked identities, and which accounts are known to be the mailbox owner's.

Going back drops all three, the declared loss of this step: whoever has no password cannot sign in until an
administrator sends them a reset link, providers and links have to be made again, and no address counts as verified.
"""

import sqlalchemy as sa
from alembic import op

from paseport_shared.adapters.sql.tables import TABLE_OPTIONS
from paseport_shared.adapters.sql.types import UtcDateTime, long_text, text

revision = "0008"
down_revision = "0007"


def upgrade() -> None:
    if not _is_there():
        op.add_column("users", sa.Column("email_verified", sa.Boolean(), nullable=False, server_default=sa.text("0")))

    op.create_table(
        "identity_providers",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("name", text(32), nullable=False),
        sa.Column("display_name", text(64), nullable=False),
        sa.Column("kind", text(16), nullable=False),
        sa.Column("issuer", text(255)),
        sa.Column("endpoints", sa.JSON(none_as_null=True)),
        sa.Column("client_id", text(255), nullable=False),
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
        sa.Column("icon", text(32), nullable=False),
        sa.Column("position", sa.BigInteger(), nullable=False),
        sa.Column("enabled", sa.Boolean(), nullable=False),
        sa.Column("is_default", sa.Boolean(), nullable=False),
        sa.Column("revision", sa.BigInteger(), nullable=False),
        sa.Column("created_at", UtcDateTime(), nullable=False),
        sa.Column("updated_at", UtcDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_identity_providers"),
        sa.UniqueConstraint("name", name="uq_identity_providers_name"),
        if_not_exists=True,
        **TABLE_OPTIONS,
    )

    op.create_table(
        "linked_identities",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("namespace", text(255), nullable=False),
        sa.Column("subject", text(255), nullable=False),
        sa.Column("user_id", sa.Uuid(), nullable=False),
        sa.Column("provider_id", sa.Uuid(), nullable=False),
        sa.Column("email", text(254)),
        sa.Column("linked_at", UtcDateTime(), nullable=False),
        sa.Column("last_used_at", UtcDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_linked_identities"),
        sa.UniqueConstraint("namespace", "subject", name="uq_linked_identities_namespace_subject"),
        sa.ForeignKeyConstraint(
            ["user_id"], ["users.id"], name="fk_linked_identities_user_id_users", ondelete="CASCADE"
        ),
        if_not_exists=True,
        **TABLE_OPTIONS,
    )
    op.create_index("ix_linked_identities_user_id", "linked_identities", ["user_id"], if_not_exists=True)


def downgrade() -> None:
    op.drop_table("linked_identities", if_exists=True)
    op.drop_table("identity_providers", if_exists=True)
    if _is_there():
        op.drop_column("users", "email_verified")


def _is_there() -> bool:
    columns = sa.inspect(op.get_bind()).get_columns("users")
    return any(column["name"] == "email_verified" for column in columns)
