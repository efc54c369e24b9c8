"""The programs of serving/examples, run as a user would and compared with the engine."""
