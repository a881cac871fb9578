"""The console in the browser: pages that the server renders, over the same services and roles."""
