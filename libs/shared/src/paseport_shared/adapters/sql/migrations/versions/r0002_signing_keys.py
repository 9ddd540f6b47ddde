"""Key states: which version of a key signs, which ones verify. No private key is here, nor anything that leads to one.

Going back drops them with their rows, the declared loss of this step: the next start takes the newest version of the
signer for the one that signs, and tokens of other versions are refused until they expire.
"""

import sqlalchemy as sa
from alembic import op

from paseport_shared.adapters.sql.tables import TABLE_OPTIONS
from paseport_shared.adapters.sql.types import UtcDateTime, digest, text

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    op.create_table(
        "signing_keys",
        sa.Column("key_name", text(255), nullable=False),
        sa.Column("version", sa.BigInteger(), nullable=False),
        sa.Column("kid", text(51), nullable=False),
        sa.Column("public_key", digest(32), nullable=False),
        sa.Column("status", text(16), nullable=False),
        sa.Column("active_key_name", text(255)),
        sa.Column("not_before", UtcDateTime(), nullable=False),
        sa.Column("not_after", UtcDateTime()),
        sa.Column("changed_at", UtcDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("key_name", "version", name="pk_signing_keys"),
        sa.UniqueConstraint("kid", name="uq_signing_keys_kid"),
        sa.UniqueConstraint("active_key_name", name="uq_signing_keys_active_key_name"),
        sa.CheckConstraint(
            "(status = 'active' AND active_key_name IS NOT NULL AND active_key_name = key_name)"
            " OR (status <> 'active' AND active_key_name IS NULL)",
            name=op.f("ck_signing_keys_active_key_name"),
        ),
        if_not_exists=True,
        **TABLE_OPTIONS,
    )


def downgrade() -> None:
    op.drop_table("signing_keys", if_exists=True)
