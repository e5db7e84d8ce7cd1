from commandcenter.kit.errors import ConflictError, InvalidInputError, NotFoundError


class RunNotFoundError(NotFoundError):
    code = "run_not_found"


class RunFinishedError(ConflictError):
    code = "run_finished"
    title = "The run has ended"


class RunUnfinishedError(ConflictError):
    code = "run_unfinished"
    title = "The run has not ended"


class RunRequestError(InvalidInputError):
    code = "run_invalid"
    title = "The run cannot be started like this"


class IdempotencyConflictError(ConflictError):
    code = "idempotency_conflict"
    title = "The idempotency key was used for something else"
