"""What can be wrong with a wish that concerns fans, segments or messages."""


class BadRule(Exception):  # reads as what it is
    """A segment's rule cannot be understood; the text says where and why, for the person who wrote it."""


class NotResendable(Exception):
    """Only a message that failed, or of which nobody knows whether it was sent, can be sent again."""


class TooManyAsked(Exception):
    """So many asked from one address that it has to pause for ``retry_after`` seconds."""

    def __init__(self, retry_after: int) -> None:
        super().__init__(f"Too many asked. Again in {retry_after} s.")
        self.retry_after = retry_after


class NotAnAddress(Exception):
    """What was typed is no e-mail address."""
