"""Compares all methods on the same pairs; run by ``benchmarks/faithfulness.py``.

`setting` has the pairs and `sizes` how many of them, `asked` the methods, `all_maps` their maps,
which `families` and `white_box` compute, `maps` keeps and `exchange` reads from other packages.
`curves`, `unseen`, `games`, `checks` and `cost` measure, by the embedder that `screening` chooses;
`summary`, `table`, `digest` and `picture` report. `run` does one after the other, and `work` keeps
what is done.
"""
