"""What a process remembers of the shop while its other threads read and forget it."""

from typing import Any

import pytest

from merchant import store

pytestmark = pytest.mark.django_db


class ForgottenAtOnce(list[Any]):
    """As if another thread forgot what was remembered right after it was."""

    def __setitem__(self, place: Any, value: Any) -> None:
        super().__setitem__(place, value)
        self.clear()


def test_a_thread_that_forgets_the_shop_takes_it_from_no_other(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(store, "_cached", ForgottenAtOnce())
    assert store.current_store().name
