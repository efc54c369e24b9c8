"""Reading requests and writing answers: bodies, forms, JSON, problem documents."""
