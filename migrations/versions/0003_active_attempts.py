"""An index of the attempts at work"""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

revision: str = "0003"
down_revision: str | None = "0002"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None

_ACTIVE = sa.text("finished_at IS NULL")


def upgrade() -> None:
    op.create_index(
        "ix_attempts_active",
        "attempts",
        ["run_id"],
        sqlite_where=_ACTIVE,
        postgresql_where=_ACTIVE,
    )


def downgrade() -> None:
    op.drop_index("ix_attempts_active", table_name="attempts")
