from django.db import migrations, models
from django.db.models import F


def lengthen(apps, schema_editor):
    """What was set shorter than the longest hold meant at least that: an order was never held less."""
    drops = apps.get_model("drops", "Drop").objects
    drops.filter(deferral_minutes__lt=F("hard_cap_minutes")).update(deferral_minutes=F("hard_cap_minutes"))


class Migration(migrations.Migration):
    dependencies = [("drops", "0008_sign_ups")]

    operations = [
        migrations.RunPython(lengthen, migrations.RunPython.noop),
        migrations.AlterField(
            model_name="drop",
            name="deferral_minutes",
            field=models.PositiveSmallIntegerField(
                default=120,
                help_text="How long an order is held while the payment provider is in trouble. "
                "Not less than the longest hold.",
            ),
        ),
        migrations.AddConstraint(
            model_name="drop",
            constraint=models.CheckConstraint(
                condition=models.Q(("deferral_minutes__gte", models.F("hard_cap_minutes"))),
                name="deferral_is_not_before_the_hard_cap",
            ),
        ),
    ]
