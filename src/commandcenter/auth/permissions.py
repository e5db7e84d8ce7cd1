"""Who may do what: one table from roles to permissions, documented in docs/reference/auth.md."""

from enum import StrEnum


class Role(StrEnum):
    VIEWER = "viewer"
    OPERATOR = "operator"
    APPROVER = "approver"
    ADMIN = "admin"


class Permission(StrEnum):
    PROJECTS_READ = "projects:read"
    PROJECTS_WRITE = "projects:write"
    STACKS_READ = "stacks:read"
    STACKS_RUN = "stacks:run"
    AGENTS_READ = "agents:read"
    AGENTS_WRITE = "agents:write"
    WORKFLOWS_READ = "workflows:read"
    WORKFLOWS_WRITE = "workflows:write"
    RUNS_READ = "runs:read"
    RUNS_START = "runs:start"
    RUNS_CANCEL = "runs:cancel"
    APPROVALS_READ = "approvals:read"
    APPROVALS_ANSWER = "approvals:answer"
    ARTIFACTS_READ = "artifacts:read"
    LOGS_READ = "logs:read"
    NOTIFICATIONS_READ = "notifications:read"
    EVENTS_READ = "events:read"
    METRICS_READ = "metrics:read"
    HEALTH_READ = "health:read"
    SELF = "self"  # one's own name, sessions and sign-in links
    SECRETS_READ = "secrets:read"  # names and grants; a value is never given out
    SECRETS_WRITE = "secrets:write"
    PRINCIPALS_MANAGE = "principals:manage"
    AUDIT_READ = "audit:read"
    SETTINGS_READ = "settings:read"  # how the hub is configured; no secret of it


_VIEWER = frozenset(
    {
        Permission.PROJECTS_READ,
        Permission.STACKS_READ,
        Permission.AGENTS_READ,
        Permission.WORKFLOWS_READ,
        Permission.RUNS_READ,
        Permission.APPROVALS_READ,
        Permission.ARTIFACTS_READ,
        Permission.LOGS_READ,
        Permission.NOTIFICATIONS_READ,
        Permission.EVENTS_READ,
        Permission.METRICS_READ,
        Permission.HEALTH_READ,
        Permission.SELF,
    }
)
# Agents, workflows and secrets decide what code runs here and with what: they stay with admins.
ROLE_PERMISSIONS: dict[Role, frozenset[Permission]] = {
    Role.VIEWER: _VIEWER,
    Role.OPERATOR: _VIEWER
    | {
        Permission.PROJECTS_WRITE,
        Permission.STACKS_RUN,
        Permission.RUNS_START,
        Permission.RUNS_CANCEL,
    },
    Role.APPROVER: _VIEWER | {Permission.APPROVALS_ANSWER},
    Role.ADMIN: frozenset(Permission),
}
