"""The folder of a job: its files and lock, and its distinct images, numbered."""
