"""Events as seen from outside: their names, their JSON documents, and streams of them."""
