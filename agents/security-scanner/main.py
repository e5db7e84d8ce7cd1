"""Secrets and insecure code in a repository, as JSON and SARIF."""

from typing import Any

from commandcenter_agent import Context, run


def main(context: Context) -> dict[str, Any]:
    from commandcenter_analysis.sarif import Driver, write_sarif  # noqa: PLC0415  # input is read first
    from commandcenter_analysis.scanner import scan_repository  # noqa: PLC0415
    from commandcenter_analysis.security import SecurityChecks  # noqa: PLC0415

    checks = context.inputs.get("checks") or ["secrets", "code"]
    scan = scan_repository(
        context.workspace or context.repository(),
        SecurityChecks(secrets="secrets" in checks, code="code" in checks),
        progress=context.progress,
    )
    write_sarif(
        context.artifact("findings.sarif"),
        Driver("security-scanner", "1.0.0"),
        scan.findings,
        incomplete=scan.output["incomplete"],
    )
    context.progress(1.0, scan.output["summary"]["text"])
    return scan.output


if __name__ == "__main__":
    run(main)
