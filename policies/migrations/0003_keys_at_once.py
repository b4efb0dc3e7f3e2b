from django.db import migrations

from merchant.foreign_keys import checked_at_once


class Migration(migrations.Migration):
    dependencies = [("policies", "0002_publish_permission")]
    operations = [checked_at_once("policies_acceptance", "policies_acceptanceperson")]
