"""What ends a script: one line, perhaps a hint, and an exit status as those of thumbprint."""

USAGE, BAD_DATA, UNAVAILABLE, IO = 64, 65, 69, 74


class Failure(Exception):
    def __init__(self, status, message, hint=None):
        super().__init__(message)
        self.status = status
        self.hint = hint
