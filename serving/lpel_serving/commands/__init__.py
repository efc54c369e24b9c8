"""`lpel`: `assess`, `batch`, `bundle`, `calibrate`, `explain`, `methods`, `serve` and `verify`."""
