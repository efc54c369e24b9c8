"""The Open Inference Protocol, version 2, over REST: the bundle's networks for its clients."""
