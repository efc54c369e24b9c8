"""Decoders and their training: the dense decoder of Table 5.1, the response decoder."""
