from commandcenter.kit.errors import InvalidInputError, NotFoundError, UnavailableError


class LogNotFoundError(NotFoundError):
    """There is no such run, step or attempt, or it has not written anything yet."""

    code = "log_not_found"
    title = "No such log"


class LogGoneError(NotFoundError):
    code = "log_gone"
    title = "The log is no longer kept"


class LogPatternError(InvalidInputError):
    code = "log_pattern_invalid"
    title = "The search pattern is not valid"


class TooManyFollowersError(UnavailableError):
    code = "too_many_followers"
    title = "Too many clients follow logs"
