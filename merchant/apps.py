from django.apps import AppConfig


class MerchantConfig(AppConfig):
    name = "merchant"
    default_auto_field = "django.db.models.BigAutoField"
