from celery import current_app
from django.conf import settings


def test_every_process_knows_the_broker() -> None:
    assert (current_app.main, current_app.conf.broker_url) == ("frontrow", settings.REDIS_URL)
