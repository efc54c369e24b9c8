"""Bundles made from photographs: decoders are trained, and the decision is fitted."""
