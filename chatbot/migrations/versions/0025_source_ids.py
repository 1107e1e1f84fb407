"""The conversation's own end in its channel: the number or address that it was written from."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0025"
down_revision = "0024"


def upgrade() -> None:
    op.add_column("conversation", sa.Column("source_id", sa.Text(), server_default="", nullable=False))


def downgrade() -> None:
    op.drop_column("conversation", "source_id")
