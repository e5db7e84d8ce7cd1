"""The tables, one per file. Importing this package registers them all."""

from commandcenter.models.agent import Agent
from commandcenter.models.approval import Approval, ApprovalDecision
from commandcenter.models.artifact import Artifact
from commandcenter.models.attempt import Attempt
from commandcenter.models.audit import AuditEntry
from commandcenter.models.base import Base
from commandcenter.models.event import Event
from commandcenter.models.fork import StackFork
from commandcenter.models.kept import KeptData
from commandcenter.models.notification import Notification
from commandcenter.models.principal import Principal, Token
from commandcenter.models.project import Project
from commandcenter.models.run import Run
from commandcenter.models.secret import Secret, SecretGrant
from commandcenter.models.stack import ProjectStack, StackPort, StackService
from commandcenter.models.step import Step
from commandcenter.models.worker import Worker
from commandcenter.models.workflow import Workflow

__all__ = [
    "Agent",
    "Approval",
    "ApprovalDecision",
    "Artifact",
    "Attempt",
    "AuditEntry",
    "Base",
    "Event",
    "KeptData",
    "Notification",
    "Principal",
    "Project",
    "ProjectStack",
    "Run",
    "Secret",
    "SecretGrant",
    "StackFork",
    "StackPort",
    "StackService",
    "Step",
    "Token",
    "Worker",
    "Workflow",
]
