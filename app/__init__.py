"""The app drives and serves: the loop, who may ask, HTTP, the command line."""
