"""The gate that an agent's risk demands where the workflow names none."""

from commandcenter.engine.definition import ApprovalGate

RISK_GATE = ApprovalGate(groups=("maintainers",))
