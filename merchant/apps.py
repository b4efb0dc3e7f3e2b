from django.apps import AppConfig
from django.core.checks import Tags, register

from merchant import celery, checks

# Every process that wakes a worker must know our broker; else it would ask Celery's default one, and wait for it.
celery.app.set_default()


class MerchantConfig(AppConfig):
    name = "merchant"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        register(checks.unsafe, Tags.security)
