from commandcenter.kit.errors import ForbiddenError, NotFoundError, ProblemError


class SecretNotFoundError(NotFoundError):
    code = "secret_not_found"


class SecretNotGrantedError(ForbiddenError):
    code = "secret_not_granted"
    title = "The agent was not granted this secret"


class VaultKeyError(ProblemError):
    code = "vault_key"
    status = 500
    title = "The vault's key cannot be used"


class VaultCorruptError(ProblemError):
    code = "vault_corrupt"
    status = 500
    title = "A secret cannot be decrypted"
