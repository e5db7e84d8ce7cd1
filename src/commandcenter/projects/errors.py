"""What can be wrong with a project, a folder or its path."""

from commandcenter.kit.errors import (
    ConflictError,
    ForbiddenError,
    InvalidInputError,
    NotFoundError,
)


class ProjectNotFoundError(NotFoundError):
    code = "project_not_found"
    title = "No such project"


class ProjectNameTakenError(ConflictError):
    code = "project_name_taken"
    title = "The name belongs to another project"


class ProjectAlreadyAddedError(ConflictError):
    code = "project_already_added"
    title = "The folder is a project already"


class ProjectBusyError(ConflictError):
    code = "project_busy"
    title = "The project has active runs"


class PathInvalidError(InvalidInputError):
    code = "path_invalid"
    title = "The path is not usable"


class FolderNotFoundError(InvalidInputError):
    code = "folder_not_found"
    title = "There is no such folder"


class PathNotAllowedError(ForbiddenError):
    code = "path_not_allowed"
    title = "The path lies outside the allowed roots"
