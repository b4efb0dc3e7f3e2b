from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('checkout', '0003_allowances'),
    ]

    operations = [
        migrations.AddField(
            model_name='webhookevent',
            name='pulled',
            field=models.BooleanField(db_default=False, default=False, help_text="We asked for it: the provider's own call had not come."),
        ),
    ]
