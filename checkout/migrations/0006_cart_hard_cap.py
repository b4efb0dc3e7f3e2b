from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('checkout', '0005_refunds_and_disputes'),
    ]

    operations = [
        migrations.AddField(
            model_name='cart',
            name='hard_cap_at',
            field=models.DateTimeField(help_text='The latest its holds may ever end, counted from the first unit.', null=True),
        ),
    ]
