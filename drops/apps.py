from django.apps import AppConfig


class DropsConfig(AppConfig):
    name = "drops"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        from drops.disclosures import drop_titles, tags_in_use  # noqa: PLC0415  # models are there only now
        from policies.scope_choices import know  # noqa: PLC0415

        know(titles=drop_titles, tags=tags_in_use)
