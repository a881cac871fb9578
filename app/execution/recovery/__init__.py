"""Picks up what a restart left behind, and puts suspects on trial."""
