"""Writing of bundles, atomically."""
