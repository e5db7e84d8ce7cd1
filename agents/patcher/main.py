"""Apply a unified diff to a branch as one commit, or restore a backup of an earlier one."""

import hashlib
import re
from collections.abc import Mapping, Sequence
from typing import Any

from commandcenter_agent import Context, TemporaryFailure, run
from patching import candidate, journal, refs, transaction
from patching.git import GitError
from patching.journal import Journal
from patching.outcome import Conflict, FileChange, Outcome, RefusedError
from patching.patch_text import Patch, decode_input, display, read_patch
from patching.policy import tree_changes
from patching.repository import Repository, Scratch, check_readable, find_repository, open_scratch


def main(context: Context) -> Mapping[str, Any]:
    inputs = context.inputs
    branch: str | None = None
    base: str | None = None
    try:
        repository = find_repository(context.repository())
        check_readable(repository)
        ref = refs.resolve_branch(repository, inputs.get("targetBranch") or None)
        branch = refs.short(ref)
        base = refs.tip_of(repository, ref)
        outcome = _locked(context, repository, ref, base)
    except RefusedError as error:
        for conflict in error.conflicts:
            context.log(f"refused {conflict}")
        raise error.as_agent_error(branch, base) from None
    except GitError as error:
        raise RefusedError("git_failed", str(error)).as_agent_error(branch, base) from None
    except OSError as error:
        message = f"{error.filename or 'a file'}: {error.strerror}; nothing was changed"
        raise RefusedError("not_writable", message).as_agent_error(branch, base) from None
    context.log(outcome.message)
    return outcome.as_json()


def _locked(context: Context, repository: Repository, ref: str, seen: str) -> Outcome:
    inputs = context.inputs
    if inputs.get("dryRun", False):
        with open_scratch(repository) as scratch:
            return _interrupted(inputs, repository, ref, seen) or _work(context, scratch, ref, seen)
    with journal.exclusive(repository), open_scratch(repository) as scratch:
        recovered = transaction.recover(scratch, context.log)
        if recovered is not None and _is_same_work(inputs, ref, recovered.journal):
            return _applied(context, scratch, recovered.journal, recovered.left_alone)
        if (tip := refs.tip_of(repository, ref)) != seen:
            raise refs.stale(ref, tip, seen)
        return _work(context, scratch, ref, seen)


def _interrupted(
    inputs: Mapping[str, Any], repository: Repository, ref: str, tip: str
) -> Outcome | None:
    """Answer a dry run where the real one would first finish what an earlier one has begun."""
    found = journal.peek_journal(repository)
    if found is None:
        return None
    if not _is_same_work(inputs, ref, found):
        raise TemporaryFailure(
            "another run of the patcher is at work in this repository or was interrupted, and the "
            "next run puts that right first: until then nothing can be said of this one"
        )
    return Outcome(
        applied=False,
        reason="dry_run",
        message="an earlier run on the same patch was interrupted and would be finished",
        branch=refs.short(ref),
        base_commit=tip,
    )


def _work(context: Context, scratch: Scratch, ref: str, seen: str) -> Outcome:
    if context.inputs.get("restore"):
        return _restore(context, scratch, ref, seen)
    return _apply(context, scratch, ref, seen)


def _digest(inputs: Mapping[str, Any]) -> str:
    if inputs.get("restore"):
        return hashlib.sha256(str(inputs["restore"]).encode("utf-8", "replace")).hexdigest()
    content = decode_input(
        str(inputs.get("patchContent", "")), str(inputs.get("patchEncoding", "utf-8"))
    )
    return hashlib.sha256(content).hexdigest()


def _is_same_work(inputs: Mapping[str, Any], ref: str, found: Journal) -> bool:
    return found.ref == ref and found.digest == _digest(inputs)


def _expect(ref: str, tip: str, expected: object) -> None:
    if not expected:
        return
    if not re.fullmatch(r"[0-9a-f]{40}|[0-9a-f]{64}", str(expected)):
        raise RefusedError("refused", "expectedBase must be a commit's full id")  # names move
    if expected != tip:
        raise refs.stale(ref, tip, str(expected))


def _apply(context: Context, scratch: Scratch, ref: str, base: str) -> Outcome:
    inputs = context.inputs
    content = decode_input(
        str(inputs.get("patchContent", "")), str(inputs.get("patchEncoding", "utf-8"))
    )
    digest = hashlib.sha256(content).hexdigest()
    if (earlier := _earlier(scratch, ref, base, digest)) is not None:
        return earlier
    _expect(ref, base, inputs.get("expectedBase"))
    patch: Patch = read_patch(content)
    context.progress(0.1, "checking the patch")
    try:
        made = candidate.build(
            scratch, base, patch, allow_syntax_errors=bool(inputs.get("allowSyntaxErrors", False))
        )
    except RefusedError as error:
        if error.reason not in {"already_applied", "no_change"}:
            raise
        return Outcome(
            applied=False,
            reason=error.reason,
            message=f"nothing to do: {error}",
            branch=refs.short(ref),
            base_commit=base,
        )
    if inputs.get("dryRun", False):
        return _dry(scratch, _planned(context, scratch, ref, base, made.tree), "the patch fits")
    message = candidate.commit_message(inputs.get("message"), patch, made.file_changes, digest)
    new = candidate.commit(scratch, made.tree, base, message)
    context.progress(0.5, "applying")
    return _move(context, scratch, _planned(context, scratch, ref, base, new))


def _restore(context: Context, scratch: Scratch, ref: str, tip: str) -> Outcome:
    repository = scratch.repository
    wanted = str(context.inputs["restore"])
    if context.inputs.get("patchContent"):
        raise RefusedError("refused", "give either patchContent or restore, not both")
    target = refs.backup_commit(repository, wanted)
    if target is None:
        raise RefusedError("unknown_backup", f"{wanted} is not a backup in this repository")
    if target == tip:
        return Outcome(
            applied=False,
            reason="no_change",
            message=f"nothing to do: {refs.short(ref)} is at that backup already",
            branch=refs.short(ref),
            base_commit=tip,
            commit=tip,
        )
    expected = context.inputs.get("expectedBase")
    _expect(ref, tip, expected)
    if not expected and refs.commit_at(repository, f"{tip}^1") != target:
        raise RefusedError(
            "stale_base",
            f"{refs.short(ref)} has moved on since that backup, and restoring it would drop other "
            f"commits too: if that is meant, give expectedBase {tip}",
        )
    if context.inputs.get("dryRun", False):
        planned = _planned(context, scratch, ref, tip, target)
        return _dry(scratch, planned, "the backup can be restored to")
    return _move(context, scratch, _planned(context, scratch, ref, tip, target))


def _dry(scratch: Scratch, planned: Journal, words: str) -> Outcome:
    changes = tree_changes(scratch.git, planned.old, planned.new)
    transaction.rehearse(scratch, planned, changes)
    branch = refs.short(planned.ref)
    return Outcome(
        applied=False,
        reason="dry_run",
        message=f"{words} {branch} at {planned.old[:12]}; nothing was changed",
        branch=branch,
        base_commit=planned.old,
        changes=candidate.describe(scratch, planned.old, planned.new),
        files=[display(change.path) for change in changes],
    )


def _planned(context: Context, scratch: Scratch, ref: str, old: str, new: str) -> Journal:
    """Say what is to be moved where; `new` is a commit, or for a dry run a tree."""
    repository = scratch.repository
    backup = None
    if context.inputs.get("createBackup", True):
        backup = refs.new_backup_name(repository, ref)
    checked_out = repository.worktree is not None and refs.current_branch(repository) == ref
    digest = _digest(context.inputs)
    return Journal(journal.new_token(), digest, ref, old, new, backup, checked_out)


def _move(context: Context, scratch: Scratch, begun: Journal) -> Outcome:
    changes = tree_changes(scratch.git, begun.old, begun.new)
    try:
        left = transaction.move(scratch, begun, changes)
    except transaction.IncompleteError as error:
        branch = refs.short(begun.ref)
        words = f"{branch} is at {begun.new[:12]}, but its files are not there yet: {error}"
        raise TemporaryFailure(f"{words}; run again to finish") from None
    return _applied(context, scratch, begun, left)


def _applied(
    context: Context, scratch: Scratch, done: Journal, left: Sequence[Conflict]
) -> Outcome:
    changes = candidate.describe(scratch, done.old, done.new)
    for change in changes:
        moved = f" from {change.source}" if change.source else ""
        lines = "binary" if change.binary else f"+{change.added} -{change.removed}"
        context.log(f"{change.change} {change.file}{moved} ({lines})")
    for conflict in left:
        context.log(f"left alone {conflict}")
    return Outcome(
        applied=True,
        reason="",
        message=f"{refs.short(done.ref)} is now at {done.new[:12]}: {_count(changes)} changed"
        + (f"; the state before is kept as {done.backup}" if done.backup else ""),
        branch=refs.short(done.ref),
        base_commit=done.old,
        commit=done.new,
        backup_ref=done.backup,
        changes=changes,
        files=[display(one.path) for one in tree_changes(scratch.git, done.old, done.new)],
        conflicts=tuple(left),
    )


def _count(changes: Sequence[FileChange]) -> str:
    return "1 file" if len(changes) == 1 else f"{len(changes)} files"


def _earlier(scratch: Scratch, ref: str, tip: str, digest: str) -> Outcome | None:
    """Recognise that the newest commit is this very patch: a run whose answer was lost."""
    body = scratch.git.run("cat-file", "commit", tip).partition(b"\n\n")[2]
    last = body.rstrip().rpartition(b"\n")[2]
    if last != f"{candidate.DIGEST_TRAILER}: {digest}".encode():
        return None
    parent = refs.commit_at(scratch.repository, f"{tip}^1")
    return Outcome(
        applied=False,
        reason="already_applied",
        message=f"nothing to do: {tip[:12]}, the newest commit of {refs.short(ref)}, is this patch",
        branch=refs.short(ref),
        base_commit=parent,
        commit=tip,
        backup_ref=refs.backup_of(scratch.repository, parent) if parent else None,
    )


if __name__ == "__main__":
    run(main)
