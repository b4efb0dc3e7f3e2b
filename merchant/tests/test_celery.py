from celery import current_app
from django.conf import settings

from merchant.celery import SWEEPS


def test_every_process_knows_the_broker() -> None:
    assert (current_app.main, current_app.conf.broker_url) == ("frontrow", settings.REDIS_URL)


def test_what_was_kept_long_enough_goes_where_no_payment_waits_for_it() -> None:
    assert "checkout.tasks.forget_old" in [task for _, task, _ in SWEEPS]
    assert current_app.amqp.router.route({}, "checkout.tasks.forget_old")["queue"].name == "default"
