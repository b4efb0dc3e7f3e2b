"""Identifiers of Stripe's shape: a prefix and letters nobody can guess."""

import secrets
import string

ALPHABET = string.ascii_letters + string.digits


def letters(length: int) -> str:
    return "".join(ALPHABET[byte % len(ALPHABET)] for byte in secrets.token_bytes(length))


def new_id(prefix: str) -> str:
    return f"{prefix}_{letters(24)}"
