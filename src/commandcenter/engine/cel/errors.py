"""What can go wrong with an expression."""


class CelSyntaxError(ValueError):
    """The text is not an expression. `offset` counts characters from its start."""

    def __init__(self, message: str, offset: int, hint: str | None = None) -> None:
        super().__init__(message)
        self.offset = offset
        self.hint = hint


class CelError(ValueError):
    """The evaluation failed; `||`, `&&` and the macros may absorb it, as the language says."""


class CelBudgetError(Exception):
    """The evaluation needs more steps than it may take; nothing absorbs this."""
