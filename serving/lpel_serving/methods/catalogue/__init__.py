"""Which methods there are, and what each says of itself."""
