"""Methods whose maps do not depend on the pair: others are measured by them."""
