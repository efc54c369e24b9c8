"""What the commands share: options, progress, terminals, files given."""
