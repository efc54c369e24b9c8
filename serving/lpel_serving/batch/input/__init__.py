"""The lists of a job: rows in CSV, Parquet, LFW's format or folders, as one kind of row."""
