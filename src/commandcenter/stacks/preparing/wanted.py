"""Which image a service is to run in, and how it is built."""

import posixpath
import re
from dataclasses import replace

from commandcenter.runtimes.images import ImageBuild, ImageWanted
from commandcenter.stacks.compose.files import FolderFiles, PathKind, ProjectFileError
from commandcenter.stacks.errors import ServiceNotPreparedError, ServiceUnsupportedError
from commandcenter.stacks.model import Build, PullPolicy, Service, Stack
from commandcenter.stacks.preparing.place import Place
from commandcenter.stacks.preparing.users import names_user

_NOT_IN_TAGS = re.compile(r"[^\w.-]", re.ASCII)
_MOST = 100


def with_builds_of_others(service: Service, stack: Stack) -> Service:
    """Return the service; what another one of the stack is built as, it is built as too."""
    if service.build is not None or service.image is None:
        return service
    for other in stack.services:
        if other.build is not None and other.image == service.image:
            return replace(service, build=other.build)
    return service


def image_wanted(service: Service, place: Place) -> ImageWanted:
    """Return what is asked of the runtime. Looks at the project's folder.

    Raises `ServiceNotPreparedError` and `ServiceUnsupportedError`.
    """
    if service.build is not None:
        return ImageWanted(
            _name_of_built(service, place),
            _build(service, service.build, place),
            # What is built runs as the folder is now; the engine keeps the layers that are as
            # they were.
            "never" if service.pull_policy is PullPolicy.NEVER else "build",
            service.platform,
            with_users=names_user(service),
        )
    if service.image is None:
        raise ServiceUnsupportedError(
            f"{service.name} has neither an image nor a build.", fields={"service": service.name}
        )
    return ImageWanted(
        service.image,
        pull=service.pull_policy.value,
        platform=service.platform,
        with_users=names_user(service),
    )


def _name_of_built(service: Service, place: Place) -> str:
    """A name within the project: the definition's own could be that of anybody's image."""
    name = f"image-{service.image}" if service.image else f"service-{service.name}"
    return f"commandcenter/{place.project_id.lower()}:{_NOT_IN_TAGS.sub('-', name)[:_MOST]}"


def _build(service: Service, build: Build, place: Place) -> ImageBuild:
    files = FolderFiles(place.folder)
    try:
        if files.kind(build.context) is not PathKind.FOLDER:
            raise _not_there(service, f"the folder {build.context}")
        dockerfile, inline = build.dockerfile, build.dockerfile_inline
        if inline is None:
            if files.kind(build.dockerfile) is not PathKind.FILE:
                raise _not_there(service, build.dockerfile)
            dockerfile = posixpath.relpath(build.dockerfile, build.context)
            if dockerfile.startswith("../"):
                inline = files.read(build.dockerfile)
    except ProjectFileError as error:
        raise ServiceUnsupportedError(
            f"{service.name} cannot be built: {error}.", fields={"service": service.name}
        ) from error
    return ImageBuild(
        context=place.folder if build.context == "." else place.folder / build.context,
        dockerfile="Dockerfile" if inline is not None else dockerfile,
        dockerfile_inline=inline,
        target=build.target,
        args=build.args,
        labels=build.labels,
        no_cache=build.no_cache,
        pull=build.pull,
        network=build.network,
    )


def _not_there(service: Service, what: str) -> ServiceNotPreparedError:
    return ServiceNotPreparedError(
        f"{service.name} is built from {what}, which is not in the project's folder.",
        hint="Put it there, or correct build in the definition.",
        fields={"service": service.name},
    )
