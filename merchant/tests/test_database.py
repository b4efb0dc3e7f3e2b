"""The cheap question before each request."""

import pytest
from django.db import OperationalError, close_old_connections, connection

pytestmark = pytest.mark.django_db(transaction=True)


def end_from_outside() -> None:
    """As a server does that stops or crashes."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_backend_pid()")
        (pid,) = cursor.fetchone()
    other = connection.copy()
    with other.cursor() as cursor:
        cursor.execute("SELECT pg_terminate_backend(%s, 5000)", [pid])
    other.close()


def test_a_living_connection_is_usable_without_a_query() -> None:
    connection.ensure_connection()
    before = connection.connection.pgconn.transaction_status
    assert connection.is_usable()
    assert connection.connection.pgconn.transaction_status == before


def test_a_connection_that_the_server_ended_is_not_usable_and_is_replaced() -> None:
    end_from_outside()
    assert not connection.is_usable()
    connection.close()
    with connection.cursor() as cursor:
        cursor.execute("SELECT 1")
        assert cursor.fetchone() == (1,)


def test_a_connection_that_was_lost_in_a_query_is_not_usable_and_the_next_request_has_another() -> None:
    """psycopg knows of it by then, and its socket can be asked for no more."""
    end_from_outside()
    with pytest.raises(OperationalError), connection.cursor() as cursor:
        cursor.execute("SELECT 1")
    assert not connection.is_usable()
    close_old_connections()  # as each request does at its beginning and its end
    with connection.cursor() as cursor:
        cursor.execute("SELECT 1")
