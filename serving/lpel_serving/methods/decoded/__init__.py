"""Methods that ask the decoders alone: no image is embedded."""
