"""What every room needs and no equation knows: errors, files, progress, strict JSON."""
