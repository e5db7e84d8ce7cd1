"""Stacks of projects: their services and ports"""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision: str = "0004"
down_revision: str | None = "0003"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None

_JSON = sa.JSON().with_variant(postgresql.JSONB(), "postgresql")
_TIME = sa.DateTime(timezone=True)


def upgrade() -> None:
    op.create_table(
        "stacks",
        sa.Column("project_id", sa.String(length=64), nullable=False),
        sa.Column("desired", sa.String(length=16), nullable=False),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("epoch", sa.Integer(), nullable=False),
        sa.Column("owner", sa.String(length=128), nullable=False),
        sa.Column("runtime", sa.String(length=32), nullable=False),
        sa.Column("source", _JSON, nullable=False),
        sa.Column("wishes", _JSON, nullable=False),
        sa.Column("definition_key", sa.String(length=32), nullable=True),
        sa.Column("definition_nonce", sa.LargeBinary(), nullable=True),
        sa.Column("definition", sa.LargeBinary(), nullable=True),
        sa.Column("requested_by", sa.String(length=64), nullable=True),
        sa.Column("last_request", sa.String(length=400), nullable=True),
        sa.Column("last_started_at", _TIME, nullable=True),
        sa.Column("last_stopped_at", _TIME, nullable=True),
        sa.Column("changed_at", _TIME, nullable=False),
        sa.ForeignKeyConstraint(
            ["project_id"], ["projects.id"], name=op.f("fk_stacks_project_id_projects")
        ),
        sa.PrimaryKeyConstraint("project_id", name=op.f("pk_stacks")),
    )
    op.create_table(
        "stack_services",
        sa.Column("project_id", sa.String(length=64), nullable=False),
        sa.Column("name", sa.String(length=128), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("is_defined", sa.Boolean(), nullable=False),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("message", sa.Text(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("handle", _JSON, nullable=True),
        sa.Column("was_healthy", sa.Boolean(), nullable=False),
        sa.Column("failures", sa.Integer(), nullable=False),
        sa.Column("restarts", sa.Integer(), nullable=False),
        sa.Column("exit_code", sa.Integer(), nullable=True),
        sa.Column("health_words", sa.Text(), nullable=False),
        sa.Column("health_at", _TIME, nullable=True),
        sa.Column("runs_as", sa.Text(), nullable=False),
        sa.Column("limits", _JSON, nullable=True),
        sa.Column("started_at", _TIME, nullable=True),
        sa.Column("changed_at", _TIME, nullable=False),
        sa.ForeignKeyConstraint(
            ["project_id"],
            ["stacks.project_id"],
            name=op.f("fk_stack_services_project_id_stacks"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("project_id", "name", name=op.f("pk_stack_services")),
    )
    op.create_table(
        "stack_ports",
        sa.Column("owner", sa.String(length=128), nullable=False),
        sa.Column("host_port", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("project_id", sa.String(length=64), nullable=False),
        sa.Column("service", sa.String(length=128), nullable=False),
        sa.Column("container_port", sa.Integer(), nullable=False),
        sa.Column("is_automatic", sa.Boolean(), nullable=False),
        sa.ForeignKeyConstraint(
            ["project_id"],
            ["stacks.project_id"],
            name=op.f("fk_stack_ports_project_id_stacks"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("owner", "host_port", name=op.f("pk_stack_ports")),
    )
    with op.batch_alter_table("stack_ports", schema=None) as batch_op:
        batch_op.create_index("ix_stack_ports_project_id", ["project_id"], unique=False)


def downgrade() -> None:
    op.drop_table("stack_ports")
    op.drop_table("stack_services")
    op.drop_table("stacks")
