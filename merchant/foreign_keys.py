"""Foreign keys of tables that every order writes: checked with their statement instead of at the commit.

Django leaves them to the commit, when an order already holds the lock on the hot stock row. Asking for it in every
transaction (SET CONSTRAINTS) is a round trip; a table remembers it for good.
"""

from django.db import migrations

_AT_ONCE = """
    DO $$
    DECLARE late record;
    BEGIN
        FOR late IN
            SELECT conname, conrelid::regclass AS its_table FROM pg_constraint
            WHERE contype = 'f' AND condeferred AND conrelid = ANY('{{{tables}}}'::regclass[])
        LOOP
            EXECUTE format('ALTER TABLE %s ALTER CONSTRAINT %I', late.its_table, late.conname)
                || ' DEFERRABLE INITIALLY IMMEDIATE';
        END LOOP;
    END $$
"""


def checked_at_once(*tables: str) -> migrations.RunSQL:
    """For a migration: each foreign key that these tables have by then. A later key needs this again."""
    return migrations.RunSQL(_AT_ONCE.format(tables=", ".join(tables)), migrations.RunSQL.noop)
