from commandcenter.kit.errors import ConflictError, ForbiddenError, NotFoundError


class ApprovalNotFoundError(NotFoundError):
    code = "approval_not_found"


class ApprovalDecidedError(ConflictError):
    code = "approval_already_decided"
    title = "This approval is already decided"


class ApprovalCancelledError(ApprovalDecidedError):
    title = "This approval was cancelled"


class ApprovalExpiredError(ApprovalDecidedError):
    title = "This approval has expired"


class ApprovalSupersededError(ApprovalDecidedError):
    title = "This approval was replaced by a newer one"


class ApprovalAnsweredError(ConflictError):
    code = "approval_already_answered"
    title = "You have answered this approval already"


class ApprovalForbiddenError(ForbiddenError):
    code = "approval_not_yours"
    title = "You may not decide this approval"
