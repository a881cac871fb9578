"""The tools that come with the server, one file each."""
