"""The work of a job in pieces: embed images, pair, explain; by threads or on Ray."""
