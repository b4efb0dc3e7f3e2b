"""What the desk's list counts are places, not lists."""

from django.db import migrations
from django.db.models import F


class Migration(migrations.Migration):

    dependencies = [
        ("checkout", "0027_units_without_a_refund"),
    ]

    operations = [
        migrations.AlterModelOptions(
            name="waitingplace",
            options={
                "ordering": [F("order").asc(nulls_last=True), "id"],
                "verbose_name": "place on a waiting list",
                "verbose_name_plural": "places on waiting lists",
            },
        ),
    ]
