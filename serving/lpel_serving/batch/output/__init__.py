"""The columns of the results, and the rename that commits a shard."""
