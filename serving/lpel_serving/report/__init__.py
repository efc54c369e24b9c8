"""Reports on an explained pair: its document, the verdict in words, caveats, figures, arrays."""
