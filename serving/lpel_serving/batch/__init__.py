"""Batch jobs: millions of pairs, on one machine or on many, each row written exactly once.

The path of a row, and the module of each step::

    list -> rows -> plan -> embeddings -> pair table -> maps, curves -> result table -> shard
    |               |       |             |             |               |               |
    input.lists     plan    stages.       stages.       stages.         output.         output.
                            embedding     pair_table    explaining      result_table    commits

Between the steps everything is kept in the folder of the job (`store`): rows by shard, and every
distinct image once, under a number, with its embedding or error. `run` runs these steps, from the
beginning or from where it stopped; `job` identifies the job of a folder, `results` reads what is
committed.
"""
