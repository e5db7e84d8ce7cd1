"""A value goes in, reaches a granted agent, and shows up nowhere else."""

from pathlib import Path

import pytest
from sqlalchemy import select, update

from commandcenter.auth.identity import SYSTEM
from commandcenter.hub.settings import Settings
from commandcenter.kit.database import Database
from commandcenter.models import Secret
from commandcenter.observability.redaction import MASK, Redactor
from commandcenter.secrets.cipher import KEY_FILE, Cipher, load_cipher
from commandcenter.secrets.errors import (
    SecretNotFoundError,
    SecretNotGrantedError,
    VaultCorruptError,
    VaultKeyError,
)
from commandcenter.secrets.service import SecretService
from tests.conftest import RunningHub, running_hub

VALUE = "s3cr3t-välue-of-the-test"


async def _set(hub: RunningHub, name: str = "API_KEY", value: str = VALUE) -> int:
    answer = await hub.client.put(f"/api/v1/secrets/{name}", json={"value": value})
    return answer.status_code


async def test_granted_agents_alone_get_the_value(hub: RunningHub) -> None:
    vault = hub.services.get(SecretService)
    assert await _set(hub) == 201
    assert await _set(hub, value=VALUE + "2") == 204

    with pytest.raises(SecretNotGrantedError) as ungranted:
        await vault.resolve("notifier", ["API_KEY"])
    with pytest.raises(SecretNotFoundError) as unknown:
        await vault.resolve("notifier", ["API_KEY", "OTHER"])
    granted = await hub.client.put("/api/v1/secrets/API_KEY/grants/notifier")
    values = await vault.resolve("notifier", ["API_KEY"])

    assert granted.status_code == 204
    assert values == {"API_KEY": VALUE + "2"}
    assert "commandcenter secrets grant API_KEY notifier" in str(ungranted.value.hint)
    assert unknown.value.fields["missing"] == ["OTHER"]
    with pytest.raises(SecretNotGrantedError):
        await vault.resolve("patcher", ["API_KEY"])

    await hub.client.delete("/api/v1/secrets/API_KEY/grants/notifier")
    with pytest.raises(SecretNotGrantedError):
        await vault.resolve("notifier", ["API_KEY"])


async def test_no_answer_holds_the_value(hub: RunningHub) -> None:
    await _set(hub)
    await hub.client.put("/api/v1/secrets/API_KEY/grants/notifier")
    refused = await hub.client.put(
        "/api/v1/secrets/API_KEY", json={"value": [VALUE], "extra": VALUE}
    )
    pages = [refused] + [
        await hub.client.get(path)
        for path in ("/api/v1/secrets", "/api/v1/audit", "/api/v1/events", "/metrics", "/health")
    ]

    assert refused.status_code == 422
    assert (await hub.client.get("/api/v1/secrets")).json()["items"][0]["granted_to"] == [
        "notifier"
    ]
    assert [page.url.path for page in pages if VALUE in page.text] == []


async def test_value_is_not_in_the_files(settings: Settings) -> None:
    async with running_hub(settings) as hub:
        await _set(hub)
    files = [path for path in settings.data_directory.parent.rglob("*") if path.is_file()]

    assert any(path.name == KEY_FILE for path in files)
    assert [path for path in files if VALUE.encode() in path.read_bytes()] == []


async def test_values_survive_a_restart_and_are_redacted_from_the_start(
    settings: Settings,
) -> None:
    async with running_hub(settings) as hub:
        await _set(hub)
        await hub.client.put("/api/v1/secrets/API_KEY/grants/notifier")
    async with running_hub(settings) as hub:
        redacted = hub.services.get(Redactor).redact(f"x {VALUE} y")
        values = await hub.services.get(SecretService).resolve("notifier", ["API_KEY"])

    assert redacted == f"x {MASK} y"
    assert values == {"API_KEY": VALUE}


async def test_values_cannot_change_places(database: Database, tmp_path: Path) -> None:
    vault = SecretService(database, load_cipher(tmp_path), Redactor())
    for name in ("A", "B"):
        await vault.set(SYSTEM, name, f"value of {name}")
        await vault.grant(SYSTEM, name, "agent")
    async with database.write() as session:
        a = await session.scalar(select(Secret).where(Secret.name == "A"))
        assert a is not None
        await session.execute(
            update(Secret).where(Secret.name == "B").values(nonce=a.nonce, ciphertext=a.ciphertext)
        )

    with pytest.raises(VaultCorruptError):
        await vault.resolve("agent", ["B"])


async def test_another_key_is_named(database: Database, tmp_path: Path) -> None:
    vault = SecretService(database, Cipher(b"1" * 32), Redactor())
    await vault.set(SYSTEM, "A", "a value")
    await vault.grant(SYSTEM, "A", "agent")
    other = SecretService(database, Cipher(b"2" * 32), Redactor())
    await other.start()

    with pytest.raises(VaultKeyError, match="vault-key"):
        await other.resolve("agent", ["A"])


async def test_deleting_takes_the_grants_along(hub: RunningHub) -> None:
    vault = hub.services.get(SecretService)
    await _set(hub)
    await hub.client.put("/api/v1/secrets/API_KEY/grants/notifier")
    await hub.client.delete("/api/v1/secrets/API_KEY")
    await _set(hub)

    with pytest.raises(SecretNotGrantedError):
        await vault.resolve("notifier", ["API_KEY"])
    missing = await hub.client.delete("/api/v1/secrets/NOPE")
    assert missing.json()["code"] == "secret_not_found"
