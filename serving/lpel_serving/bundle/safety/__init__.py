"""Safety checks of untrusted models: each module refuses one kind of unsafe content."""
