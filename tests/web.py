"""HTTP as the tests speak it: to this machine, without TLS and without a proxy.

A client of httpx's reads all certificate authorities when it is made, some 50 ms of CPU that a test
which asks until something is so would spend on every question.
"""

import ssl
from typing import Any

import httpx

_NO_AUTHORITIES = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)


def client(url: str = "", **options: Any) -> httpx.Client:
    """Options are those of `httpx.Client`."""
    return httpx.Client(base_url=url, verify=_NO_AUTHORITIES, trust_env=False, **options)


def async_client(url: str = "", **options: Any) -> httpx.AsyncClient:
    """Options are those of `httpx.AsyncClient`."""
    return httpx.AsyncClient(base_url=url, verify=_NO_AUTHORITIES, trust_env=False, **options)


def get(url: str, **options: Any) -> httpx.Response:
    """Options are those of `httpx.get`."""
    return httpx.get(url, verify=_NO_AUTHORITIES, trust_env=False, **options)


def post(url: str, **options: Any) -> httpx.Response:
    """Options are those of `httpx.post`."""
    return httpx.post(url, verify=_NO_AUTHORITIES, trust_env=False, **options)
