from commandcenter.kit.errors import ConflictError, InvalidInputError, NotFoundError


class WorkflowNotFoundError(NotFoundError):
    code = "workflow_not_found"
    title = "No such workflow"


class WorkflowRetiredError(ConflictError):
    code = "workflow_retired"
    title = "The workflow is retired"


class WorkflowSourceError(InvalidInputError):
    """The body is not text, or not one of the accepted forms."""

    code = "workflow_source_invalid"
    title = "The body is not a workflow definition"
