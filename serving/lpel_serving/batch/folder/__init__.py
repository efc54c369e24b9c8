"""The folder of a job: where its files lie, what is to be done, and the lock on it."""
