"""The hub's API as the commands use it: problem documents become errors, pages become one list."""

import ssl
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlsplit

import httpx

from commandcenter import __version__
from commandcenter.cli.problems import (
    HubBrokeOffError,
    HubProblemError,
    HubSilentError,
    HubUnreachableError,
)
from commandcenter.cli.silence import Silence

_CONNECT_SECONDS = 5.0
_READ_SECONDS = 20.0  # of silence; what only looks can be asked again
_CHANGE_SECONDS = 60.0
_LOOKING = httpx.Timeout(_READ_SECONDS, connect=_CONNECT_SECONDS)
_PAGE = 200
_LOOPBACK = frozenset({"127.0.0.1", "localhost", "::1"})
_CHUNK = 256 * 1024


class HubClient:
    """One connection to one hub. Every request has a deadline."""

    def __init__(
        self, url: str, token: str, *, start_hint: str, tell: Callable[[str], None]
    ) -> None:
        """`start_hint` is the command that starts a hub, for the error that there is none.

        `tell` is given the words that the hub has been silent for a while, from another thread.
        """
        self.url = url.rstrip("/")
        self.token = token
        self.is_local = (urlsplit(self.url).hostname or "") in _LOOPBACK
        self._start_hint = start_hint
        self._silence = Silence(self.url, tell)
        self.has_answered = False
        self._http = httpx.Client(
            base_url=self.url,
            headers={
                "Authorization": f"Bearer {token}",
                "User-Agent": f"commandcenter-cli/{__version__}",
            },
            timeout=httpx.Timeout(_CHANGE_SECONDS, connect=_CONNECT_SECONDS),
            trust_env=not self.is_local,  # no proxy between here and here
            verify=_certificates(self.url),
        )

    def close(self) -> None:
        self._http.close()

    def get(self, path: str, *, silent_seconds: float = _READ_SECONDS, **params: Any) -> Any:
        """`silent_seconds`: how long it may take the hub to find the answer."""
        timeout = httpx.Timeout(silent_seconds, connect=_CONNECT_SECONDS)
        return self._call("GET", path, params=params, timeout=timeout)

    def post(
        self, path: str, body: Mapping[str, Any], *, headers: Mapping[str, str] | None = None
    ) -> Any:
        return self._call("POST", path, json=dict(body), headers=dict(headers or {}))

    def post_text(self, path: str, text: str, *, media_type: str) -> Any:
        return self._call("POST", path, content=text.encode(), headers={"Content-Type": media_type})

    def put(self, path: str, body: Mapping[str, Any]) -> Any:
        return self._call("PUT", path, json=dict(body))

    def patch(self, path: str, body: Mapping[str, Any]) -> Any:
        return self._call("PATCH", path, json=dict(body))

    def delete(self, path: str) -> Any:
        return self._call("DELETE", path)

    def pages(self, path: str, *, limit: int, **params: Any) -> Iterator[dict[str, Any]]:
        """Yield at most `limit` items of a paged list."""
        cursor: str | None = None
        left = limit
        while left > 0:
            page = self.get(path, limit=min(left, _PAGE), cursor=cursor, **params)
            yield from page["items"]
            left -= len(page["items"])
            cursor = page.get("next_cursor")
            if cursor is None:
                return

    def text(self, path: str, *, accept: str, **params: Any) -> str:
        """Return an answer's text: logs are no single JSON document."""
        return self._look(path, params=params, headers={"Accept": accept}).text

    def header(self, path: str, name: str, **params: Any) -> str | None:
        """Return one header of an answer, None where there is none of that name."""
        found: str | None = self._look(path, params=params).headers.get(name)
        return found

    def lines(self, path: str) -> Iterator[str]:
        """Yield a long text answer line by line, without keeping it."""
        response = self._look(path, stream=True)
        try:
            with self._in_words():
                yield from response.iter_lines()
        finally:
            response.close()

    def download(self, path: str, target: Path) -> None:
        """Write an answer's body to a file that is complete or not there."""
        response = self._look(path, stream=True)
        temporary = target.with_name(f".{target.name}.part")
        try:
            with self._in_words(), temporary.open("wb") as file:
                for chunk in response.iter_bytes(_CHUNK):
                    file.write(chunk)
            temporary.replace(target)
        finally:
            response.close()
            temporary.unlink(missing_ok=True)

    def hub_version(self) -> str | None:
        """Return the hub's version; None when it does not tell."""
        try:
            found = self.health().get("version")
        except (HubProblemError, HubUnreachableError):
            return None
        return str(found) if found else None

    def health(self) -> dict[str, Any]:
        """Return the health report, whether the hub is well or not."""
        request = self._request("GET", "/health", timeout=_LOOKING)
        response = self._perform(request, accepted=frozenset({503}))
        return dict(_json(self.url, response))

    def _call(self, method: str, path: str, **arguments: Any) -> Any:
        response = self._perform(self._request(method, _absolute(path), **arguments))
        return _json(self.url, response) if response.content else None

    def _look(self, path: str, *, stream: bool = False, **arguments: Any) -> httpx.Response:
        request = self._request("GET", _absolute(path), timeout=_LOOKING, **arguments)
        return self._perform(request, stream=stream)

    def _request(self, method: str, path: str, **arguments: Any) -> httpx.Request:
        params = {
            name: value for name, value in arguments.pop("params", {}).items() if value is not None
        }
        return self._http.build_request(method, path, params=params, **arguments)

    def _perform(
        self,
        request: httpx.Request,
        *,
        stream: bool = False,
        accepted: frozenset[int] = frozenset(),
    ) -> httpx.Response:
        with self._in_words():
            with self._silence.told():
                response = self._http.send(request, stream=True)
            self.has_answered = True
            is_good = response.is_success or response.status_code in accepted
            if not (stream and is_good):
                response.read()
        if is_good:
            return response
        raise _problem(self.url, response)

    @contextmanager
    def _in_words(self) -> Iterator[None]:
        try:
            yield
        except (httpx.ConnectError, httpx.ConnectTimeout, httpx.UnsupportedProtocol) as error:
            raise HubUnreachableError(
                f"No hub answers at {self.url}.", hint=self._start_hint
            ) from error
        except httpx.TimeoutException as error:
            raise HubSilentError(self.url, error.request.extensions["timeout"]["read"]) from error
        except httpx.TransportError as error:
            raise HubBrokeOffError(
                f"The hub at {self.url} broke off ({type(error).__name__}).",
                hint="Try again; the hub's own terminal tells more.",
            ) from error


def _certificates(url: str) -> ssl.SSLContext | bool:
    # Loading the authorities takes longer than a request; without TLS nobody asks for them.
    return True if url.startswith("https://") else ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)


def segment(value: str) -> str:
    """Return a value as one segment of a path, whatever it is.

    A slash is quoted twice, since the hub unquotes a path before it finds what the path is of. So
    it answers that there is nothing of such a name.
    """
    if value in {".", ".."}:
        return value.replace(".", "%2E")  # else the way up
    return quote(value.replace("/", "%2F"), safe="@:")


def _absolute(path: str) -> str:
    return f"/api/v1{path}"


def _problem(url: str, response: httpx.Response) -> Exception:
    try:
        document = response.json()
    except ValueError:
        document = None
    if not isinstance(document, dict) or "detail" not in document:
        return _not_a_hub(url, response)
    return HubProblemError(document, status=response.status_code)


def _json(url: str, response: httpx.Response) -> Any:
    try:
        return response.json()
    except ValueError:
        raise _not_a_hub(url, response) from None


def _not_a_hub(url: str, response: httpx.Response) -> HubUnreachableError:
    return HubUnreachableError(
        f"Something answers at {url} with status {response.status_code}, but no hub of this kind.",
        hint="Give the hub's address with --url or COMMANDCENTER_URL.",
    )
