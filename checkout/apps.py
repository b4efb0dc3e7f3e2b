from django.apps import AppConfig


class CheckoutConfig(AppConfig):
    name = "checkout"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        from checkout.totals import payable  # noqa: PLC0415  # models are there only now
        from drops.readiness import ask_too  # noqa: PLC0415

        ask_too(payable.checks)
