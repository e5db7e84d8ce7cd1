"""The agent side of CommandCenter's contract, in Python.

    from commandcenter_agent import Context, run

    def main(context: Context) -> dict[str, object]:
        return {"answer": len(context.inputs["text"])}

    if __name__ == "__main__":
        run(main)

Standard library only, and little of it: an agent's start is mostly its imports.
"""

from commandcenter_agent.context import Context
from commandcenter_agent.errors import AgentError, TemporaryFailure
from commandcenter_agent.program import MAX_OUTPUT_BYTES, run

__all__ = ["MAX_OUTPUT_BYTES", "AgentError", "Context", "TemporaryFailure", "run"]
