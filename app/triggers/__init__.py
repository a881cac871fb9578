"""What starts runs without a program: schedules, webhooks that come in, other runs."""
