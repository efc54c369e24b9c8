"""Methods that run only the decoders: no image is embedded."""
