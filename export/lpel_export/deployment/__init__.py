"""Bundles as other servers want them: Triton, KServe."""
