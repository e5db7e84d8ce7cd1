"""Print the API's description without a server: `python -m commandcenter.hub.dump_openapi`."""

import json
import sys

from commandcenter.hub.api_docs import openapi_document
from commandcenter.hub.app import create_app
from commandcenter.hub.settings import Settings


def openapi_text() -> str:
    """Return the document as the dashboard's client is generated from it, the same every time."""
    document = openapi_document(create_app(Settings(metrics_public=False)))
    return json.dumps(document, indent=1, sort_keys=True, ensure_ascii=False) + "\n"


if __name__ == "__main__":
    sys.stdout.write(openapi_text())
