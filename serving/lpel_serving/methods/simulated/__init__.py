"""Methods that ask a surrogate what replacing coalitions of superpixels would do; none is made."""
