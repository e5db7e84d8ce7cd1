"""The names of all events. Each is one change, told in the past tense."""

from enum import StrEnum


class EventType(StrEnum):
    HUB_STARTED = "hub.started"
    HUB_STOPPING = "hub.stopping"
    PROJECT_ADDED = "project.added"
    PROJECT_REMOVED = "project.removed"
    AGENT_REGISTERED = "agent.registered"
    AGENT_RETIRED = "agent.retired"
    WORKFLOW_CREATED = "workflow.created"
    WORKFLOW_RETIRED = "workflow.retired"
    RUN_CREATED = "run.created"
    RUN_STARTED = "run.started"
    RUN_RESUMED = "run.resumed"
    RUN_CANCEL_REQUESTED = "run.cancel_requested"
    RUN_FINISHED = "run.finished"
    STEP_STARTED = "step.started"
    STEP_WAITING = "step.waiting"
    STEP_RETRYING = "step.retrying"
    STEP_FINISHED = "step.finished"
    ATTEMPT_STARTED = "attempt.started"
    ATTEMPT_FINISHED = "attempt.finished"
    APPROVAL_REQUESTED = "approval.requested"
    APPROVAL_ANSWERED = "approval.answered"
    APPROVAL_RESOLVED = "approval.resolved"
    NOTIFICATION_CREATED = "notification.created"
