"""What goes over the wire: bodies, forms and documents that API, console and CLI share."""
