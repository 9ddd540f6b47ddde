"""Registered verifiers beside clients, in the same table: what is there already is a client.

Going back revokes every verifier, the declared loss of this step: the version before would take them for clients that
may introspect. What is left of them stays, due to be carried to the directory, where they would be found otherwise.
"""

import sqlalchemy as sa
from alembic import op

from paseport_shared.adapters.sql.types import text

revision = "0007"
down_revision = "0006"


def upgrade() -> None:
    if not _is_there():
        op.add_column("clients", sa.Column("kind", text(16), nullable=False, server_default="client"))


def downgrade() -> None:
    if _is_there():
        op.execute(
            "UPDATE clients SET deleted_at = updated_at, secrets = '[]', disabled = 1, revision = revision + 1"
            " WHERE kind = 'verifier' AND deleted_at IS NULL"
        )
        op.drop_column("clients", "kind")


def _is_there() -> bool:
    columns = sa.inspect(op.get_bind()).get_columns("clients")
    return any(column["name"] == "kind" for column in columns)
