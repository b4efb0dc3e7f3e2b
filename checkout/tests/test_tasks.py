"""A worker's threads: what waits for the payment provider never has them all."""

from concurrent.futures import ThreadPoolExecutor, wait
from threading import Event
from typing import Any

import pytest
from django.db import connection

from checkout import expiry, payers, tasks, webhooks

THREADS = 12


@pytest.mark.django_db(transaction=True)
def test_sweeps_and_news_that_stand_still_leave_threads_to_payments(monkeypatch: pytest.MonkeyPatch) -> None:
    """The provider answers nobody, and beat and the doorbell go on sending tasks."""
    answers, stuck, paying = Event(), [], Event()

    def wait_for_the_provider(name: str) -> Any:
        def deed(*_: object) -> int:
            stuck.append(name)
            answers.wait(timeout=120)
            return 0

        return deed

    monkeypatch.setattr(expiry, "close_ended", wait_for_the_provider("closing"))
    monkeypatch.setattr(webhooks, "drain", wait_for_the_provider("webhooks"))
    monkeypatch.setattr(payers, "put_to_work", lambda clock: paying.set())
    try:
        with ThreadPoolExecutor(THREADS) as threads:
            sent = [threads.submit(_run, task) for task in (tasks.close_ended, tasks.drain_webhooks) * THREADS]
            threads.submit(_run, tasks.drain_payments)
            assert paying.wait(timeout=120), f"all threads wait: {stuck}"
            answers.set()
            wait(sent)
    finally:
        answers.set()


def _run(task: Any) -> None:
    try:
        task()
    finally:
        connection.close()
