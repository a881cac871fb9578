import pytest

from tests.harness.postgres import PostgresServer, kept_in


@pytest.fixture(scope="package", autouse=True)
def _kept_in_postgres(postgres: PostgresServer) -> object:
    """Keep every journal of these tests in its own schema."""
    with pytest.MonkeyPatch.context() as patch:
        kept_in(postgres, patch)
        yield
