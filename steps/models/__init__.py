"""Requests to language models: options, output, attachments, usage and spending."""
