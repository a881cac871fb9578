"""Everything in the journal that is sealed, for checks without an open journal."""

SEALED = """
    SELECT sealed FROM secrets
    UNION ALL SELECT sealed FROM webhooks
    UNION ALL SELECT sealed FROM triggers WHERE sealed IS NOT NULL
    UNION ALL SELECT client FROM mcp_sign_ins WHERE client IS NOT NULL
    UNION ALL SELECT attempt FROM mcp_sign_ins WHERE attempt IS NOT NULL
    UNION ALL SELECT tokens FROM mcp_sign_ins WHERE tokens IS NOT NULL"""
"""Sealed bytes, apart from secrets of tokens and the sensitive values in events."""

TOKEN_SECRETS = "SELECT secret FROM jwt_secrets"  # noqa: S105 - a statement
"""Secrets of tokens as they are stored: sealed bytes as text, or in the clear."""
