import re
from pathlib import Path

from commandcenter.hub.settings import Settings
from commandcenter.hub.settings_endpoints import shown, without_secrets
from commandcenter.hub.unknown_settings import unknown_settings

_PAGE = Path(__file__).resolve().parents[3] / "docs" / "reference" / "settings.md"


def test_the_page_lists_every_setting_and_no_other() -> None:
    listed = set(re.findall(r"^\| `COMMANDCENTER_([A-Z_]+)`", _PAGE.read_text(), re.MULTILINE))
    assert listed == {name.upper() for name in Settings.model_fields}


def test_what_is_shown_of_settings_has_no_secret() -> None:
    settings = Settings(
        database_url="postgresql+psycopg://me:hidden@db.example.org:5432/cc?password=hidden",
        public_url="https://me:hidden@example.org/cc",
        allowed_roots="/srv/a:/srv/b",
        allowed_hosts="one, two",
    )
    found = {each.variable: each for each in shown(settings)}

    assert "hidden" not in "".join(each.value for each in found.values())
    database = found["COMMANDCENTER_DATABASE_URL"]
    assert (database.value, database.is_given) == ("postgresql://db.example.org:5432/cc", True)
    assert found["COMMANDCENTER_PUBLIC_URL"].value == "https://example.org/cc"
    assert found["COMMANDCENTER_ALLOWED_ROOTS"].value == "/srv/a:/srv/b"
    assert found["COMMANDCENTER_ALLOWED_HOSTS"].value == "one,two"
    assert not found["COMMANDCENTER_PORT"].is_given
    assert without_secrets(settings.base_url) == "https://example.org/cc"


def test_a_misspelt_setting_is_named_with_the_one_that_was_meant() -> None:
    known = ("COMMANDCENTER_RUNTIME", "commandcenter_port", "COMMANDCENTER_OUT", "PATH")
    assert unknown_settings(known) == []
    assert unknown_settings(("COMMANDCENTER_RUNTIM", "COMMANDCENTER_", *known)) == [
        "COMMANDCENTER_ is no setting and is ignored.",
        "COMMANDCENTER_RUNTIM is no setting and is ignored. Did you mean COMMANDCENTER_RUNTIME?",
    ]
