"""Django's PostgreSQL backend with a cheaper question before each request: is this connection still there?"""

import select

import psycopg
from django.db.backends.postgresql import base


class DatabaseWrapper(base.DatabaseWrapper):
    def is_usable(self) -> bool:
        """A server that ended has closed its side, so there is something to read; only then is it asked with a query.

        Django asks with a query each time: a round trip in every request that touches the database.
        """
        poll = select.poll()
        try:
            poll.register(self.connection.fileno(), select.POLLIN)
        except psycopg.Error:  # lost in a query: it has no socket any more
            return False
        return not poll.poll(0) or super().is_usable()
