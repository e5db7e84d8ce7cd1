"""HTTP security headers, server by server and framework by framework."""

from pathlib import Path

import pytest
from commandcenter_analysis.compliance import Rule, check_compliance

from agents.analysis.tests.planted import plant

ALL = {
    "content-security-policy",
    "strict-transport-security",
    "x-content-type-options",
    "x-frame-options",
    "referrer-policy",
    "permissions-policy",
}
SET_BY_HAND = "".join(f'  response.headers["{name}"] = "x"\n' for name in sorted(ALL))


def missing(root: Path, severity: str = "") -> set[str]:
    violations = check_compliance(root, [Rule.SECURITY]).output["violations"]
    return {
        violation["ruleId"].removeprefix("header-missing-")
        for violation in violations
        if not severity or violation["severity"] == severity
    }


def nginx(body: str, listen: str = "443 ssl") -> dict[str, str]:
    return {"deploy/nginx.conf": f"http {{\n server {{\n listen {listen};\n{body}\n }}\n}}\n"}


NGINX_ALL = "".join(f'  add_header {name} "x" always;\n' for name in sorted(ALL))
CASES = {
    "nginx without": (nginx("root /srv;"), ALL),
    "nginx with all": (nginx(f"root /srv;\n{NGINX_ALL}"), set()),
    "nginx over plain http": (nginx("root /srv;", "80"), ALL - {"strict-transport-security"}),
    "nginx that redirects": (nginx("return 301 https://$host$request_uri;", "80"), set()),
    "nginx frame-ancestors": (
        nginx("root /srv;\nadd_header Content-Security-Policy \"frame-ancestors 'none'\";"),
        ALL - {"content-security-policy", "x-frame-options"},
    ),
    "nginx report only": (
        nginx("root /srv;\nadd_header Content-Security-Policy-Report-Only x;"),
        ALL,
    ),
    "nginx comment": (nginx("root /srv;\n# add_header Referrer-Policy x;"), ALL),
    "apache": (
        {
            "site.conf": "<VirtualHost *:443>\n"
            "Header always set X-Frame-Options DENY\n</VirtualHost>\n"
        },
        ALL - {"x-frame-options"},
    ),
    "caddy": (
        {"Caddyfile": 'shop.example {\n header {\n  Referrer-Policy "x"\n  -Server\n }\n}\n'},
        ALL - {"referrer-policy"},
    ),
    "caddy snippet": (
        {"Caddyfile": "(safe) {\n header X-Frame-Options DENY\n}\na.example {\n import safe\n}\n"},
        ALL - {"x-frame-options"},
    ),
    "express without": (
        {"server.js": "const express = require('express');\nconst app = express();\n"},
        ALL,
    ),
    "express with helmet": (
        {
            "server.js": "const express = require('express');\nconst app = express();\n"
            "app.use(helmet());\n"
        },
        {"permissions-policy"},
    ),
    "express with helmet without a policy": (
        {
            "server.ts": "import express from 'express';\nconst app = express();\n"
            "app.use(helmet({ contentSecurityPolicy: false }));\n"
        },
        {"permissions-policy", "content-security-policy"},
    ),
    "express with helmet in a comment": (
        {
            "server.js": "const express = require('express');\nconst app = express();\n"
            "// app.use(helmet());\n"
        },
        ALL,
    ),
    "fastapi without": ({"main.py": "from fastapi import FastAPI\napp = FastAPI()\n"}, ALL),
    "fastapi by hand": (
        {
            "main.py": "from fastapi import FastAPI\napp = FastAPI()\n",
            "middleware.py": f"def add(response):\n{SET_BY_HAND}",
        },
        set(),
    ),
    "starlette": (
        {"main.py": "from starlette.applications import Starlette\napp = Starlette()\n"},
        ALL,
    ),
    "flask with talisman": (
        {"app.py": "from flask import Flask\napp = Flask(__name__)\nTalisman(app)\n"},
        set(),
    ),
    "flask in a docstring": (
        {"app.py": '"""from flask import Flask\napp = Flask(__name__)\n"""\n'},
        set(),
    ),
    "django": (
        {
            "shop/settings.py": "MIDDLEWARE = [\n"
            "    'django.middleware.security.SecurityMiddleware',\n]\n"
        },
        {
            "content-security-policy",
            "strict-transport-security",
            "x-frame-options",
            "permissions-policy",
        },
    ),
    "next": ({"next.config.js": "module.exports = {};\n"}, ALL),
    "a test": ({"tests/app.py": "from fastapi import FastAPI\napp = FastAPI()\n"}, set()),
    "no web at all": ({"main.py": "print('hello')\n", "main.conf": "a = 1\n"}, set()),
}


@pytest.mark.parametrize("case", CASES)
def test_missing_headers(tmp_path: Path, case: str) -> None:
    files, expected = CASES[case]
    assert missing(plant(tmp_path, files)) == expected


def test_nginx_location_that_drops_the_servers_headers(tmp_path: Path) -> None:
    body = f"root /srv;\n{NGINX_ALL}  location /a {{\n   add_header X-Own y;\n  }}\n"
    output = check_compliance(plant(tmp_path, nginx(body)), [Rule.SECURITY]).output
    (violation,) = output["violations"]
    assert (violation["ruleId"], violation["line"]) == ("header-dropped", 11)
    assert "Content-Security-Policy" in violation["message"]


def test_an_application_behind_a_server_that_sets_them(tmp_path: Path) -> None:
    root = plant(
        tmp_path,
        {
            **nginx(f"proxy_pass http://app;\n{NGINX_ALL}"),
            "main.py": "from fastapi import FastAPI\napp = FastAPI()\n",
        },
    )
    assert missing(root, "warning") == set()
    assert missing(root, "info") == ALL


def test_headers_of_another_package_do_not_count(tmp_path: Path) -> None:
    root = plant(
        tmp_path,
        {
            "one/package.json": "{}",
            "one/server.js": "const express = require('express');\nconst app = express();\n",
            "two/package.json": "{}",
            "two/server.js": "app.use(helmet());\n",
        },
    )
    assert missing(root) == ALL


@pytest.mark.parametrize(
    "text", ["server {" * 5000, "}" * 5000, '"' * 5000, "server {\n add_header", ""]
)
def test_broken_configuration(tmp_path: Path, text: str) -> None:
    output = check_compliance(
        plant(tmp_path, {"nginx.conf": text, "Caddyfile": text}), [Rule.SECURITY]
    )
    assert output.output["incomplete"] is False
