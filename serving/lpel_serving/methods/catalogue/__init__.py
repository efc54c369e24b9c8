"""The catalogue of methods: finds, makes and describes them, with their parameters."""
