from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("segments", "0001_initial")]
    operations = [
        migrations.AddField(
            model_name="message",
            name="handed_at",
            field=models.DateTimeField(help_text="When a worker began to hand it to the provider.", null=True),
        ),
    ]
