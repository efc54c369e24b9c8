"""What `benchmarks/service.py` asks, whom, and how it looks at it."""
