"""What a client may take of the server: places, bytes, time."""
