"""The states of an approval, and how answers add up to one of them."""

from collections.abc import Iterable
from enum import StrEnum


class ApprovalState(StrEnum):
    PENDING = "pending"
    APPROVED = "approved"
    REJECTED = "rejected"
    EXPIRED = "expired"
    CANCELLED = "cancelled"  # the run ended first
    SUPERSEDED = "superseded"  # the effect changed; another approval asks anew


class Answer(StrEnum):
    APPROVE = "approve"
    REJECT = "reject"


def outcome(answers: Iterable[Answer], quorum: int) -> ApprovalState:
    """One rejection rejects; `quorum` approvals approve; anything less is pending."""
    approvals = 0
    for answer in answers:
        if answer is Answer.REJECT:
            return ApprovalState.REJECTED
        approvals += 1
    return ApprovalState.APPROVED if approvals >= quorum else ApprovalState.PENDING
