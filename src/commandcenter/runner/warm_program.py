"""The program a warm sandbox starts with; it runs inside, alone, and runs one job.

It loads what most agents import, says so with one byte on standard output, and waits for a job on
standard input: eight bytes of length and a marshalled header, then the input document. After that
it is `python FILE` to the agent's program.

Only modules written in C are imported, because a light agent's start is mostly its imports.
"""

import builtins
import gc
import marshal
import os
import sys
import time

# Every module here costs the preparation of each warm sandbox, needed or not.
_PRELOAD = ("commandcenter_agent",)


def _read_exactly(size: int) -> bytes:
    parts = []
    while size:
        part = os.read(0, min(size, 1024 * 1024))
        if not part:
            os._exit(0)  # the runner has no use for this sandbox any more
        parts.append(part)
        size -= len(part)
    return b"".join(parts)


def _write(path: str, data: bytes, mode: int) -> None:
    fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
    try:
        view = memoryview(data)
        while view:
            view = view[os.write(fd, view) :]
    finally:
        os.close(fd)


def _receive() -> str:
    # Only the runner, which is the same Python, writes to this pipe.
    size = int.from_bytes(_read_exactly(8), "big")
    header = marshal.loads(_read_exactly(size))  # noqa: S302
    _write("/in/input.json", _read_exactly(header["input_size"]), 0o444)
    os.chmod("/in", 0o555)  # noqa: PTH101, S103 - no more than a reminder: the agent owns it
    for name, value in header["secret_files"].items():
        _write(f"/run/secrets/{name}", value.encode("utf-8", "surrogateescape"), 0o400)
    null = os.open("/dev/null", os.O_RDONLY)
    os.dup2(null, 0)
    os.close(null)
    os.environ.clear()
    os.environ.update(header["environment"])
    time.tzset()
    return str(header["file"])


def _run(file: str) -> int:
    path = os.path.abspath(file)  # noqa: PTH100 - as the interpreter itself does it
    sys.argv = [file]
    sys.path[0] = os.path.dirname(path)  # noqa: PTH120
    for finder in sys.path_importer_cache.values():
        if finder is not None and hasattr(finder, "invalidate_caches"):
            finder.invalidate_caches()  # the agent's folder may have changed since
    module = type(sys)("__main__")
    module.__dict__.update(__file__=path, __builtins__=builtins, __spec__=None)
    sys.modules["__main__"] = module
    try:
        with open(path, "rb") as source:  # noqa: PTH123
            text = source.read()
        exec(compile(text, path, "exec"), module.__dict__)  # noqa: S102 - this is its purpose
    except SystemExit:
        raise
    except OSError as error:
        if error.filename == path and error.__traceback__ and not error.__traceback__.tb_next:
            sys.stderr.write(f"python: can't open file {path!r}: {error}\n")
            return 2
        _show(error)
        return 1
    except BaseException as error:  # noqa: BLE001 - what the interpreter does at its top
        _show(error)
        return 1
    return 0


def _show(error: BaseException) -> None:
    """Print it as if this file were not below the agent's program."""
    own = error.__traceback__
    error.__traceback__ = own.tb_next if own else None
    sys.excepthook(type(error), error, error.__traceback__)


def _main() -> None:
    for name in _PRELOAD:
        try:
            __import__(name)
        except ImportError:
            continue
    gc.freeze()  # so that neither the job nor the end goes through what is loaded already
    os.write(1, b"R")
    # The end is the interpreter's own: it waits for threads, and writes out files left open.
    sys.exit(_run(_receive()))


if __name__ == "__main__":
    _main()
