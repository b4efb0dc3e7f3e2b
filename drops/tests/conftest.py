import pytest

from drops import queries
from merchant.store import forget_store
from policies.queries import forget as forget_policies


@pytest.fixture(autouse=True)
def _nothing_remembered() -> None:
    """What a process keeps for a moment must not pass from one test to the next."""
    queries.forget()
    forget_policies()
    forget_store()
