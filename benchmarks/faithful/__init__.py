"""The parts of `benchmarks/faithfulness.py`."""
