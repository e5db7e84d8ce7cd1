"""How the hub is configured, for people to look at. It is changed where it is started."""

import asyncio
import json
import os
from collections.abc import Iterable
from pathlib import Path
from typing import Annotated, Any
from urllib.parse import urlsplit

from fastapi import APIRouter, Depends
from pydantic import BaseModel, SecretStr

import commandcenter
from commandcenter.auth.caller import require
from commandcenter.auth.identity import Caller
from commandcenter.auth.permissions import Permission
from commandcenter.hub.settings import Settings
from commandcenter.kit.injection import provide
from commandcenter.projects.roots import AllowedRoots

router = APIRouter(tags=["settings"])

Given = Annotated[Settings, Depends(provide(Settings))]
Roots = Annotated[AllowedRoots, Depends(provide(AllowedRoots))]
Reader = Annotated[Caller, Depends(require(Permission.SETTINGS_READ))]


class SettingView(BaseModel):
    """`value` as text, without what is secret in it; `is_given` unless it is the usual one."""

    variable: str
    value: str
    is_given: bool


class SettingsView(BaseModel):
    """`allowed_roots` are those in force now, also those that were added on the machine."""

    version: str
    data_directory: str
    database: str
    address: str
    allowed_roots: list[str]
    settings: list[SettingView]


@router.get("/settings")
async def get_settings(_caller: Reader, settings: Given, roots: Roots) -> SettingsView:
    """Return the settings that this hub was started with. No secret is in them."""
    allowed = await asyncio.to_thread(roots.roots)
    return SettingsView(
        version=commandcenter.__version__,
        data_directory=str(settings.data_directory),
        database=without_secrets(settings.effective_database_url),
        address=without_secrets(settings.base_url),
        allowed_roots=[str(root) for root in allowed],
        settings=shown(settings),
    )


def shown(settings: Settings) -> list[SettingView]:
    """Return every setting as the variable that sets it is written."""
    prefix = settings.model_config.get("env_prefix", "")
    return [
        SettingView(
            variable=f"{prefix}{name.upper()}",
            value=_text(getattr(settings, name)),
            is_given=name in settings.model_fields_set,
        )
        for name in type(settings).model_fields
    ]


def without_secrets(url: str) -> str:
    """Return a URL without user, password, parameters and the name of a driver."""
    parts = urlsplit(url)
    return f"{parts.scheme.partition('+')[0]}://{parts.netloc.rpartition('@')[2]}{parts.path}"


def _text(value: Any) -> str:
    match value:
        case None:
            return ""
        case SecretStr():
            return without_secrets(value.get_secret_value())
        case bool():
            return json.dumps(value)
        case tuple():
            return _listed(value)
        case str() if "://" in value:
            return without_secrets(value)
        case _:
            return str(value)


def _listed(values: Iterable[Any]) -> str:
    """Join as the variable is written: folders by the system's separator, the rest by commas."""
    items = list(values)
    separator = os.pathsep if any(isinstance(item, Path) for item in items) else ","
    return separator.join(_text(item) for item in items)
