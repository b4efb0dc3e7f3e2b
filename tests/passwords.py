"""Passwords of the tests: stored as the shop stores them, without the time that it takes to guess one."""

from django.contrib.auth.hashers import PBKDF2PasswordHasher


class QuickHasher(PBKDF2PasswordHasher):
    """A million rounds are a fifth of a second for each member of staff. A running shop's processes read these, too."""

    iterations = 1000
