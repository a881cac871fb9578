"""The application: it runs the event loop, checks callers, serves HTTP and has the command line."""
