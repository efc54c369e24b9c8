"""Parts of `benchmarks/service.py`: servers, clients, and measurements."""
