"""HTTP for steps: requests, authentication at other servers, and response bodies."""
