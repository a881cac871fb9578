"""HTTP: who asks, how failures become answers, and what keeps connections in bounds."""
