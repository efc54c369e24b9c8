"""The results of a job: the table of a shard, its columns, and the rename that commits it."""
