from commandcenter.kit.errors import NotFoundError


class NotificationNotFoundError(NotFoundError):
    code = "notification_not_found"
    title = "No such notification"
