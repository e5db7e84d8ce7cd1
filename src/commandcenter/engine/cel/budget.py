"""How much an evaluation may do: one counter for steps, comparisons and copied characters."""

from commandcenter.engine.cel.errors import CelBudgetError

_CHARACTERS_PER_STEP = 100


class Budget:
    def __init__(self, steps: int) -> None:
        self._left = steps

    def spend(self, steps: int) -> None:
        """Take steps off; CelBudgetError when none are left."""
        self._left -= steps
        if self._left < 0:
            raise CelBudgetError

    def spend_characters(self, count: int) -> None:
        """Take off what reading or copying that many characters or bytes costs."""
        self.spend(count // _CHARACTERS_PER_STEP)
