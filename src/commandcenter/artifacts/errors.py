from commandcenter.kit.errors import InvalidInputError, NotFoundError


class ArtifactNotFoundError(NotFoundError):
    code = "artifact_not_found"
    title = "No such artifact"


class ArtifactContentGoneError(NotFoundError):
    code = "artifact_content_gone"
    title = "The artifact's content is no longer kept"


class ArtifactsRefusedError(InvalidInputError):
    """What an attempt left is over a limit, or not plain files; none of it was kept."""

    code = "artifacts_refused"
    title = "The artifacts cannot be kept"
