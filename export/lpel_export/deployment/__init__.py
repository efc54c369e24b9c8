"""Files that deploy a bundle on other model servers: Triton, KServe."""
