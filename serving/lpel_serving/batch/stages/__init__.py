"""The stages of a job: embed images, pair rows, explain pairs; run by threads or on Ray."""
