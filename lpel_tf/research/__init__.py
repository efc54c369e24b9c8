"""The laboratory of research: what no engine needs and no claim is made without."""
