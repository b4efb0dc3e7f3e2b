"""The workers. Every task here may be lost or run twice; the sweeps below find by query what was lost."""

import os

from celery import Celery
from celery.signals import beat_init, celeryd_init

from merchant.checks import refuse_unsafe

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "merchant.settings")

app = Celery("frontrow")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks()
celeryd_init.connect(refuse_unsafe)
beat_init.connect(refuse_unsafe)

PAYMENTS, MESSAGES = {"queue": "payments"}, {"queue": "messages"}
app.conf.task_routes = {
    "checkout.tasks.forget_old": {"queue": "default"},  # it may take long, and no payment may wait for it
    "checkout.tasks.*": PAYMENTS,
    "segments.tasks.*": MESSAGES,
}
# The whole schedule: a name, the task, every how many seconds. `expires` keeps a dead worker from finding a pile.
SWEEPS = [
    ("payments that are due", "checkout.tasks.drain_payments", 5.0),
    ("webhooks that are due", "checkout.tasks.drain_webhooks", 5.0),
    ("holds that ended", "checkout.tasks.sweep_expired", 5.0),
    ("orders whose time is up", "checkout.tasks.close_ended", 5.0),
    ("news that did not ring", "checkout.tasks.pull_news", 60.0),
    ("ship dates that fans were asked about", "checkout.tasks.sweep_after_sale", 30.0),
    ("answers to disputes", "checkout.tasks.drain_evidence", 10.0),
    ("what was kept long enough", "checkout.tasks.forget_old", 3600.0),
    ("messages that are due", "segments.tasks.drain_messages", 5.0),
    ("drops that start or end", "drops.tasks.turn_drops", 1.0),
    ("live pages", "drops.tasks.publish_live", 2.0),
    ("page visits", "drops.tasks.keep_visits", 30.0),
    ("policies that changed", "segments.tasks.tell_policy_news", 60.0),
    ("evidence that no link holds", "policies.tasks.seal_evidence", 60.0),
    ("a worker was here", "merchant.tasks.heartbeat", 5.0),
]
app.conf.beat_schedule = {
    name: {"task": task, "schedule": seconds, "options": {"expires": max(seconds, 5.0)}}
    for name, task, seconds in SWEEPS
}
