"""Triggers for tables that are evidence: rows are added, never changed, in raw SQL too."""

import pgtrigger

# The test database, and only it, sets this to empty tables between tests (ALTER DATABASE … SET …).
ALLOW_TRUNCATE = "frontrow.allow_truncate"


def append_only(name: str, *, when: pgtrigger.Condition | None = None) -> list[pgtrigger.Trigger]:
    """Refuse UPDATE and DELETE (of rows that meet ``when``, else of all) and TRUNCATE of the whole table."""
    return [
        pgtrigger.Protect(name=f"{name}_append_only", operation=pgtrigger.Update | pgtrigger.Delete, condition=when),
        refuse_truncate(name),
    ]


def refuse_truncate(name: str) -> pgtrigger.Trigger:
    return pgtrigger.Trigger(
        name=f"{name}_no_truncate",
        level=pgtrigger.Statement,
        when=pgtrigger.Before,
        operation=pgtrigger.Truncate,
        func=f"""
            IF coalesce(current_setting('{ALLOW_TRUNCATE}', true), '') <> 'on' THEN
                RAISE EXCEPTION 'append-only: % keeps its rows', TG_TABLE_NAME;
            END IF;
            RETURN NULL;
        """,
    )
