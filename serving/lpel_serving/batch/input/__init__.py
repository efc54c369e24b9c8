"""The lists of a job: rows in CSV, Parquet, LFW's format or folders, read into one row type."""
