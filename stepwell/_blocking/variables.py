# Made by `make blocking-client` from stepwell/_asynchronous/variables.py: change that file.
"""The variables of a tenant."""

import stepwell._calls as calls
import stepwell._reading as reading
from stepwell._blocking.connection import Connection


class Variables:
    """The part of a client for variables."""

    _connection: Connection

    def variables(self) -> dict[str, object]:
        """Return the variables of the tenant, which expressions name as `vars.NAME`.

        Returns:
            Their values by name.

        Raises:
            ApiError: The server refused.
            Unanswered: The server was not reached.
        """
        return reading.variables(self._connection.ask(calls.variables("GET")))

    def set_variable(self, name: str, value: object) -> None:
        """Create or replace a variable; runs that have begun keep the old value.

        Args:
            name: Letters, digits and `_`.
            value: Any JSON value.

        Raises:
            ApiError: The server refused.
            Unanswered: The server was not reached.
        """
        self._connection.ask(calls.variables("PUT", name, {"value": value}))

    def delete_variable(self, name: str) -> None:
        """Delete a variable.

        Args:
            name: Its name.

        Raises:
            ApiError: The server refused, with status 404 if there is none.
            Unanswered: The server was not reached.
        """
        self._connection.ask(calls.variables("DELETE", name))
