"""What is said and shown of an explained pair: numbers, words, caveats, pictures."""
