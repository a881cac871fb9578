"""Signing in: the first owner, invitations, passkeys, identity providers, passwords."""
