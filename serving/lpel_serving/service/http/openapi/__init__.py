"""The description of the HTTP interface in OpenAPI."""
