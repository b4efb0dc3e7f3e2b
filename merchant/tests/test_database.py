"""The cheap question before each request."""

import pytest
from django.db import connection

pytestmark = pytest.mark.django_db(transaction=True)


def test_a_living_connection_is_usable_without_a_query() -> None:
    connection.ensure_connection()
    before = connection.connection.pgconn.transaction_status
    assert connection.is_usable()
    assert connection.connection.pgconn.transaction_status == before


def test_a_connection_that_the_server_ended_is_not_usable_and_is_replaced() -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_backend_pid()")
        (pid,) = cursor.fetchone()
    other = connection.copy()
    with other.cursor() as cursor:
        cursor.execute("SELECT pg_terminate_backend(%s, 5000)", [pid])
    other.close()
    assert not connection.is_usable()
    connection.close()
    with connection.cursor() as cursor:
        cursor.execute("SELECT 1")
        assert cursor.fetchone() == (1,)
