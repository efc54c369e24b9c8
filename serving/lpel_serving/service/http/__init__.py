"""The HTTP service: routes, schemas, limits, and the page; no other package speaks HTTP."""
