"""Compares all methods on the same pairs; run by ``benchmarks/faithfulness.py``.

`setting` has the pairs, `maps` each method's maps of them, which `families` and `white_box` compute
and `exchange` reads from other packages. `curves`, `games`, `checks` and `cost` measure, `summary`,
`table` and `picture` report, and `run` does one after the other.
"""
