"""What starts runs without an API call: schedules, incoming webhooks, and ends of other runs."""
