"""The stages of a job, each over shards: embed, decide, explain; on threads or on Ray."""
