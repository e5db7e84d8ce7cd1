"""The frame of the few pages that the hub renders itself: no script, one style sheet."""

from html import escape

from starlette.responses import HTMLResponse

_FRAME = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>{title}</title>
<link rel="stylesheet" href="/static/hub.css">
<link rel="icon" href="/static/icon.svg" type="image/svg+xml">
</head>
<body>
<header><a class="brand" href="/">CommandCenter</a><nav><a href="/docs">API</a></nav></header>
<main>
{body}
</main>
</body>
</html>
"""


def page(title: str, body: str, *, status_code: int = 200) -> HTMLResponse:
    """Return a page. `body` is HTML: everything from outside must have gone through `text`."""
    return HTMLResponse(
        _FRAME.format(title=escape(title), body=body),
        status_code=status_code,
        headers={"Cache-Control": "no-store"},
    )


def text(value: object) -> str:
    """Return the value as text that is safe in HTML, in attributes too."""
    return escape(str(value), quote=True)
