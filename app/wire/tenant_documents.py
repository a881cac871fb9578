"""Keys, secrets and variables of a tenant, as the API, the console and commands show them."""

import json
from typing import Any

from app.secrets.vault import SecretName
from engine import iso_time, iso_time_or_none
from journal import JwtSecretRow, KeyRow, VariableRow


def key_document(row: KeyRow) -> dict[str, Any]:
    """Return a key as listed: everything except the key itself."""
    return {
        "id": row.id,
        "prefix": row.prefix,
        "name": row.name,
        "role": row.role,
        "createdAt": iso_time(row.created_at_ms),
        "expiresAt": iso_time_or_none(row.expires_at_ms),
        "lastUsedAt": iso_time_or_none(row.last_used_at_ms),
        "disabledAt": iso_time_or_none(row.disabled_at_ms),
    }


def jwt_secret_document(row: JwtSecretRow) -> dict[str, Any]:
    """Return a secret that verifies tokens as listed: everything except the secret itself."""
    return {
        "kid": row.kid,
        "name": row.name,
        "role": row.role,
        "algorithm": row.algorithm,
        "createdAt": iso_time(row.created_at_ms),
        "disabledAt": iso_time_or_none(row.disabled_at_ms),
    }


def secret_document(secret: SecretName) -> dict[str, Any]:
    """Return a secret as listed: never its value."""
    return {
        "name": secret.name,
        "createdAt": iso_time(secret.created_at_ms),
        "updatedAt": iso_time(secret.updated_at_ms),
    }


def variable_document(row: VariableRow) -> dict[str, Any]:
    """Return a variable as shown, with its value."""
    return {
        "name": row.name,
        "value": json.loads(row.value),
        "createdAt": iso_time(row.created_at_ms),
        "updatedAt": iso_time(row.updated_at_ms),
    }
