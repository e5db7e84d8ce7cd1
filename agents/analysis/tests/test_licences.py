"""Licences: reading them, and whether they go together."""

import json
from pathlib import Path

import pytest
from commandcenter_analysis.compliance import Rule, check_compliance
from commandcenter_analysis.licences.manifests import ManifestError, read_manifest
from commandcenter_analysis.licences.matrix import Fit, judge
from commandcenter_analysis.licences.texts import licence_of_notice, licence_of_text, spdx_tag

from agents.analysis.tests.planted import places, plant

GPL_NOTICE = """\
/* This program is free software; you can redistribute it and/or modify it under the terms of the
 * GNU General Public License as published by the Free Software Foundation; either version 2 of
 * the License, or (at your option) any later version. */
"""


@pytest.mark.parametrize(
    ("project", "part", "fit"),
    [
        ("MIT", "BSD-3-Clause", Fit.FINE),
        ("MIT", "GPL-3.0-only", Fit.CONFLICT),
        ("MIT", "AGPL-3.0-or-later", Fit.CONFLICT),
        ("MIT", "LGPL-2.1-or-later", Fit.CONDITIONS),
        ("MIT", "MPL-2.0", Fit.CONDITIONS),
        ("MIT", "MIT OR GPL-3.0-only", Fit.FINE),
        ("MIT", "MIT AND GPL-3.0-only", Fit.CONFLICT),
        ("MIT", "(MIT AND BSD-2-Clause) OR GPL-2.0-only", Fit.FINE),
        ("MIT", "GPL-2.0-only WITH Classpath-exception-2.0", Fit.CONDITIONS),
        ("MIT", "CC-BY-NC-4.0", Fit.CONFLICT),
        ("MIT", "BUSL-1.1", Fit.CONFLICT),
        ("MIT", "SomethingNobodyKnows", Fit.UNKNOWN),
        ("Proprietary", "GPL-2.0-only", Fit.CONFLICT),
        ("Proprietary", "Apache-2.0", Fit.FINE),
        ("GPL-2.0-only", "Apache-2.0", Fit.CONFLICT),
        ("GPL-2.0-or-later", "Apache-2.0", Fit.FINE),
        ("GPL-3.0-only", "Apache-2.0", Fit.FINE),
        ("GPL-3.0-only", "GPL-2.0-only", Fit.CONFLICT),
        ("GPL-3.0-only", "GPL-2.0-or-later", Fit.FINE),
        ("GPL-2.0-only", "GPL-3.0-only", Fit.CONFLICT),
        ("GPL-2.0-or-later", "GPL-3.0-only", Fit.FINE),
        ("GPL-3.0-only", "LGPL-2.1-or-later", Fit.FINE),
        ("GPL-3.0-only", "EPL-1.0", Fit.CONFLICT),
        ("GPL-3.0-only", "MPL-2.0", Fit.FINE),
        ("GPL-3.0-only", "AGPL-3.0-only", Fit.CONDITIONS),
        ("AGPL-3.0-only", "GPL-3.0-only", Fit.FINE),
        ("MIT OR Apache-2.0", "GPL-3.0-only", Fit.CONFLICT),
        ("Unknown", "GPL-3.0-only", Fit.UNKNOWN),
        ("Unknown", "MIT", Fit.FINE),
        ("MIT", "GPLv3+", Fit.CONFLICT),
        ("MIT", "Apache License 2.0", Fit.FINE),
        ("MIT", "MIT/Apache-2.0", Fit.FINE),
    ],
)
def test_matrix(project: str, part: str, fit: Fit) -> None:
    assert judge(project, part).fit is fit


@pytest.mark.parametrize(
    ("text", "licence"),
    [
        ("GNU GENERAL PUBLIC LICENSE\n  Version 3, 29 June 2007\n", "GPL-3.0-only"),
        ("GNU GENERAL PUBLIC LICENSE\n  Version 2, June 1991\n", "GPL-2.0-only"),
        ("GNU LESSER GENERAL PUBLIC LICENSE\n Version 2.1, February 1999", "LGPL-2.1-only"),
        ("GNU AFFERO GENERAL PUBLIC LICENSE\n Version 3, 19 November 2007", "AGPL-3.0-only"),
        ("  Apache License\n  Version 2.0, January 2004\n", "Apache-2.0"),
        ("Mozilla Public License Version 2.0\n====\n", "MPL-2.0"),
        ("We wrote this.\n", None),
        ("Read about the GNU General Public License elsewhere.", None),
    ],
)
def test_titles_of_licence_texts(text: str, licence: str | None) -> None:
    assert licence_of_text(text) == licence


def test_opening_comments() -> None:
    assert licence_of_notice(GPL_NOTICE) == "GPL-2.0-or-later"
    assert licence_of_notice("# Licensed under the Apache License, Version 2.0") == "Apache-2.0"
    assert licence_of_notice("# How to obey the GNU General Public License version 2") is None
    assert spdx_tag("/* SPDX-License-Identifier: MIT OR Apache-2.0 */") == "MIT OR Apache-2.0"


MANIFESTS = [
    ("package.json", '{"name": "a", "license": "MIT", "dependencies": {"b": "1"}}', "MIT", ["b"]),
    ("package.json", '{"licenses": [{"type": "MIT"}, {"type": "ISC"}]}', "MIT OR ISC", []),
    (
        "pyproject.toml",
        '[project]\nname="a"\nlicense="ISC"\ndependencies=["B_c>=1"]',
        "ISC",
        ["b-c"],
    ),
    ("pyproject.toml", '[project]\nlicense={text="BSD"}', "BSD", []),
    (
        "pyproject.toml",
        '[tool.poetry]\nlicense="MIT"\n[tool.poetry.dependencies]\npython="3"\nb="1"',
        "MIT",
        ["b"],
    ),
    (
        "pyproject.toml",
        '[project]\nclassifiers=["License :: OSI Approved :: MIT License"]',
        "MIT",
        [],
    ),
    (
        "Cargo.toml",
        '[package]\nlicense="MIT/Apache-2.0"\n[dependencies]\nb="1"',
        "MIT/Apache-2.0",
        ["b"],
    ),
    ("go.mod", "module x\nrequire github.com/a/b v1.2.3\n", "", ["github.com/a/b"]),
    (
        "setup.cfg",
        "[metadata]\nlicense = MIT\n[options]\ninstall_requires =\n  b>=1\n",
        "MIT",
        ["b"],
    ),
    ("requirements.txt", "# c\n-r x\nb==1 --hash=sha256:0\n", "", ["b"]),
    (
        "pom.xml",
        "<project><licenses><license><name>MIT</name></license></licenses><dependency>"
        "<groupId>g</groupId><artifactId>b</artifactId></dependency></project>",
        "MIT",
        ["g:b"],
    ),
    ("composer.lock", '{"packages": [{"name": "a/b", "license": ["MIT"]}]}', "", ["a/b"]),
    ("METADATA", "Name: a\nLicense-Expression: MIT\n\nLicense: GPL\n", "MIT", []),
]


@pytest.mark.parametrize(("name", "text", "licence", "dependencies"), MANIFESTS)
def test_manifests(name: str, text: str, licence: str, dependencies: list[str]) -> None:
    manifest = read_manifest(name, text)
    assert manifest.licence == licence
    assert [dependency.name for dependency in manifest.dependencies] == dependencies


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("package.json", "{"),
        ("package.json", "[1]"),
        ("pyproject.toml", "[["),
        ("pom.xml", '<!DOCTYPE p [<!ENTITY a "b">]><project>&a;</project>'),
        ("setup.cfg", "no section"),
    ],
)
def test_broken_manifests(name: str, text: str) -> None:
    with pytest.raises(ManifestError):
        read_manifest(name, text)


def licences(root: Path) -> list[tuple[str, str, str, int]]:
    output = check_compliance(root, [Rule.LICENSES]).output
    severities = {
        (one["ruleId"], one["file"], one["line"]): one["severity"] for one in output["violations"]
    }
    return [(severities[place], *place) for place in places(output["violations"])]


def test_a_repository_with_conflicts(tmp_path: Path) -> None:
    lock = {
        "packages": {
            "": {"name": "shop"},
            "node_modules/free": {"license": "MIT"},
            "node_modules/taken": {"license": "AGPL-3.0-only"},
            "node_modules/tool": {"license": "GPL-3.0-only", "dev": True},
        }
    }
    root = plant(
        tmp_path,
        {
            "package.json": '{\n "name": "shop",\n "license": "MIT"\n}\n',
            "package-lock.json": json.dumps(lock, indent=1),
            "src/own.js": "// SPDX-License-Identifier: MIT\n",
            "src/copied.js": GPL_NOTICE,
            "src/tagged.c": "int x;\n// SPDX-License-Identifier: GPL-3.0-only\n",
            "vendor/lib/COPYING": "GNU GENERAL PUBLIC LICENSE\nVersion 3, 29 June 2007\n",
            "vendor/odd/LICENSE": "Ask Bob before you use this.\n",
        },
    )
    assert licences(root) == [
        ("critical", "dependency-licence-conflict", "package-lock.json", 9),
        ("info", "dependency-licence-conflict", "package-lock.json", 12),
        ("critical", "licence-conflict", "src/copied.js", 1),
        ("critical", "licence-conflict", "src/tagged.c", 2),
        ("critical", "licence-conflict", "vendor/lib/COPYING", 1),
        ("warning", "licence-unknown", "vendor/odd/LICENSE", 1),
    ]


def test_a_repository_in_order(tmp_path: Path) -> None:
    root = plant(
        tmp_path,
        {
            "pyproject.toml": '[project]\nname = "a"\nlicense = "Apache-2.0"\n',
            "LICENSE": "Apache License\nVersion 2.0, January 2004\n",
            "a.py": "# SPDX-License-Identifier: Apache-2.0\n",
        },
    )
    output = check_compliance(root, [Rule.LICENSES]).output
    assert (output["violations"], output["passed"], output["projectLicense"]) == (
        [],
        True,
        "Apache-2.0",
    )


def test_a_project_without_a_licence(tmp_path: Path) -> None:
    assert licences(plant(tmp_path, {"a.py": "x = 1\n"})) == [
        ("warning", "project-licence-missing", ".", 1)
    ]


def test_a_project_that_contradicts_itself(tmp_path: Path) -> None:
    files = {
        "pyproject.toml": '[project]\nlicense = "MIT"\n',
        "LICENSE": "Apache License\nVersion 2.0, January 2004\n",
    }
    assert licences(plant(tmp_path, files)) == [
        ("warning", "project-licence-contradiction", "pyproject.toml", 2)
    ]


def test_a_broken_manifest_is_reported(tmp_path: Path) -> None:
    output = check_compliance(plant(tmp_path, {"package.json": "{"}), [Rule.LICENSES]).output
    assert output["incomplete"] is True
    assert output["filesSkipped"][0]["file"] == "package.json"
