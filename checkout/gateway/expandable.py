"""Where an object names another. https://docs.stripe.com/api/expanding_objects"""

from typing import Any


def id_of(reference: Any) -> str:
    """The id of an object that may be expanded, named, or absent."""
    if not reference:
        return ""
    return reference if isinstance(reference, str) else reference["id"]
