from django.db import migrations


def ship(apps, schema_editor):
    apps.get_model("segments", "Segment").objects.get_or_create(
        slug="past_buyers",
        defaults={
            "name": "Past buyers",
            "description": "Everybody who bought something, ever.",
            "rule": {"did": "purchased"},
            "builtin": True,
        },
    )


class Migration(migrations.Migration):
    dependencies = [("segments", "0002_message_handed_at")]
    operations = [migrations.RunPython(ship, migrations.RunPython.noop)]
