"""How well a network tells people apart, and how sure one decision is."""
