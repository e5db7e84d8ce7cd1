"""Licences, HTTP security headers and secrets of a repository, as JSON and SARIF."""

from typing import Any

from commandcenter_agent import Context, run


def main(context: Context) -> dict[str, Any]:
    from commandcenter_analysis.compliance import Rule, check_compliance  # noqa: PLC0415  # input is read first
    from commandcenter_analysis.sarif import Driver, write_sarif  # noqa: PLC0415

    check = check_compliance(
        context.workspace or context.repository(),
        [Rule(name) for name in context.inputs.get("rules") or list(Rule)],
        progress=context.progress,
    )
    write_sarif(
        context.artifact("violations.sarif"),
        Driver("compliance-checker", "1.0.0"),
        check.findings,
        incomplete=check.output["incomplete"],
    )
    context.progress(1.0, check.output["summary"]["text"])
    return check.output


if __name__ == "__main__":
    run(main)
