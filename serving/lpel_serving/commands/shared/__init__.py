"""What the commands share: options, pairs that are given, progress bars, terminals."""
