"""What can keep the embedded services from starting."""


class CannotStart(Exception):
    """One line that says what is in the way and what to do about it."""
