"""What the default stack's two applications need in an image besides the project's folder.

Nothing is installed: an image of the language alone has no packages, so they are taken from the
project's own `.venv` and `node_modules`. A compose file says itself what it needs, and is let be.
"""

from dataclasses import replace

from commandcenter.stacks.model import Service
from commandcenter.stacks.preparing.known_images import official_name
from commandcenter.stacks.preparing.packages import (
    ProjectFolder,
    environment_packages,
    node_module,
)
from commandcenter.stacks.preparing.place import Place


def completed(service: Service, place: Place) -> Service:
    """Return the service with its packages, and with the Python that they were installed for.

    Raises `ServiceNotPreparedError` when they are not installed.
    """
    if not place.is_default or not service.command:
        return service
    program = official_name(service.image)
    folder = ProjectFolder.of(service, place.folder)
    if program == "node":
        node_module(service, folder, service.command[1])  # npx PROGRAM
    if program != "python":
        return service
    packages = environment_packages(service, folder, service.command[2])  # python -m MODULE
    return replace(
        service,
        image=f"python:{packages.version}-slim",
        environment={
            "PYTHONPATH": packages.inside,
            "PYTHONDONTWRITEBYTECODE": "1",  # nothing is written into the project's folder
            "PYTHONUNBUFFERED": "1",
            **service.environment,
        },
    )
