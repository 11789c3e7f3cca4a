"""The database's engine, by the name under which Django looks for one."""

from __future__ import annotations

import select

from django.db.backends.postgresql.base import DatabaseWrapper as PostgreSql


class DatabaseWrapper(PostgreSql):
    """Django's PostgreSQL. Before each request Django asks it whether a kept connection still works."""

    def is_usable(self) -> bool:
        """Whether the server still holds its end.

        A server that ended the connection has said so, or has closed its socket: either can be read. While there is
        nothing to read, asking it would be a whole statement more in each request.
        """
        if self.connection is None or self.connection.closed:
            return False
        waiting = select.poll()
        waiting.register(self.connection.fileno(), select.POLLIN | select.POLLRDHUP)
        return not waiting.poll(0) or bool(super().is_usable())
