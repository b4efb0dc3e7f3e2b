"""What the desk's tests stand on: the drop and the provider's sandbox of checkout's own tests."""

from checkout.tests.conftest import robe, sandbox, sandbox_process, shop  # noqa: F401  # fixtures, by name
