"""What bubblewrap, runc, crun and tini say of a program that cannot be run, in our words. Pure."""

import re

_PROGRAMS = (
    re.compile(r"^bwrap: execvp (.+): [^:]+$"),
    re.compile(r"^\[FATAL tini \(\d+\)\] exec (.+) failed: "),
    re.compile(r'container process: .*\bexec: "([^"]+)": '),  # programs in Go say the rest, too
    re.compile(r"^exec ([^\s:]+): exec format error", re.IGNORECASE),
    re.compile(r"^(?:crun: )?executable file [`'\"]([^`'\"]+)[`'\"] not found"),
    re.compile(r"^(.+): \d+: .?\x7fELF"),  # a shell was given what the kernel would not take
)


def why_it_cannot_run(said: str, *, in_image: bool) -> str | None:
    """Return why, and what to do; None if these are other words.

    `in_image`: the program was looked for in the service's image, else on this machine.
    """
    program = next((match[1] for each in _PROGRAMS if (match := each.search(said))), None)
    if program is None:
        return None
    words = said.lower()
    if "permission denied" in words:
        return (
            f"Its command {program} may not be executed. Make it executable for the service's "
            "user (chmod +x), or correct the command."
        )
    if "exec format error" in words or "\x7felf" in words:
        return (
            f"Its command {program} is no program that this machine can execute: it was built for "
            "another processor, or is a script without a first line that names its interpreter. "
            "Build it for this machine, or correct the command."
        )
    if "no such file" not in words and "not found" not in words:
        return None
    where = "in the image" if in_image else "on this machine"
    script = ", or is a script whose interpreter is not there" if "/" in program else ""
    remedy = "Use an image that has it" if in_image else "Install it"
    return f"Its command {program} is not {where}{script}. {remedy}, or correct the command."
