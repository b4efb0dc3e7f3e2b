"""What can be wrong with a wish that concerns fans, segments or messages."""


class BadRule(Exception):  # reads as what it is
    """A segment's rule cannot be understood; the text says where and why, for the person who wrote it."""


class NotResendable(Exception):
    """Only a message that failed, or of which nobody knows whether it was sent, can be sent again."""


class NotAnAddress(Exception):
    """What was typed is no e-mail address."""
