from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('drops', '0002_live_digest'),
    ]

    operations = [
        migrations.AddField(
            model_name='drop',
            name='pay_at_pickup',
            field=models.BooleanField(db_default=False, default=False, help_text='Fans may collect it themselves and pay then.', verbose_name='pay at pick-up'),
        ),
        migrations.AddField(
            model_name='drop',
            name='pickup_until',
            field=models.DateTimeField(blank=True, help_text="What is not collected by then goes back on sale. In the shop's time zone.", null=True),
        ),
        migrations.AddField(
            model_name='drop',
            name='pickup_place',
            field=models.CharField(blank=True, db_default='', default='', help_text='Where and when, as fans read it: "Long Street 1, Saturday 10 to 18".', max_length=200),
        ),
    ]
