from commandcenter.kit.errors import ForbiddenError, UnavailableError


class PortInUseError(UnavailableError):
    code = "port_in_use"
    title = "The port is taken"


class RemoteAccessNotAllowedError(ForbiddenError):
    code = "remote_access_not_allowed"
    title = "Others could reach the hub there"
