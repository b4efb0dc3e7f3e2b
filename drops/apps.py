from django.apps import AppConfig


class DropsConfig(AppConfig):
    name = "drops"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        from drops.disclosures import drop_titles, lacking_where, tags_in_use  # noqa: PLC0415  # models are there now
        from policies import givers, scope_choices  # noqa: PLC0415

        scope_choices.know(titles=drop_titles, tags=tags_in_use)
        givers.know(lacking_where)
