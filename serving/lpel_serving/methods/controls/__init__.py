"""Controls: methods whose maps do not depend on the pair, which others have to beat."""
