"""The engine for concurrent requests: bounded, batched, cached."""
