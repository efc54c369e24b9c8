"""The engine for many askers at once: bounded, batched, cached. It knows nothing of HTTP."""
