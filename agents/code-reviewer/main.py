"""A review of code with a score, as JSON and SARIF."""

from typing import Any

from commandcenter_agent import AgentError, Context, run


def main(context: Context) -> dict[str, Any]:
    from commandcenter_analysis.baseline import BaselineError  # noqa: PLC0415  # input is read first
    from commandcenter_analysis.review import review  # noqa: PLC0415
    from commandcenter_analysis.sarif import Driver, write_sarif  # noqa: PLC0415

    try:
        result = review(
            context.workspace or context.repository(),
            context.inputs.get("changedFiles"),
            context.inputs.get("baseline"),
            progress=context.progress,
        )
    except BaselineError as error:
        raise AgentError(str(error)) from error
    write_sarif(
        context.artifact("review.sarif"),
        Driver("code-reviewer", "1.0.0"),
        [issue.finding for issue in result.issues],
        incomplete=result.output["incomplete"],
    )
    context.progress(1.0, result.output["summary"]["text"])
    return result.output


if __name__ == "__main__":
    run(main)
