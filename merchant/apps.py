from django.apps import AppConfig

from merchant import celery

# Every process that wakes a worker must know our broker; without this it would ask Celery's default one and wait for it.
celery.app.set_default()


class MerchantConfig(AppConfig):
    name = "merchant"
    default_auto_field = "django.db.models.BigAutoField"
