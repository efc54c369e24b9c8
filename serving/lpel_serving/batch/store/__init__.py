"""The folder of a job: its files and lock, and every distinct image once, under a number."""
