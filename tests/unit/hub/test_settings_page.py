import re
from pathlib import Path

from commandcenter.hub.settings import Settings

_PAGE = Path(__file__).resolve().parents[3] / "docs" / "reference" / "settings.md"


def test_the_page_lists_every_setting_and_no_other() -> None:
    listed = set(re.findall(r"^\| `COMMANDCENTER_([A-Z_]+)`", _PAGE.read_text(), re.MULTILINE))
    assert listed == {name.upper() for name in Settings.model_fields}
