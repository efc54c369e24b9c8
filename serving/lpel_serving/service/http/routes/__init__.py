"""The routes of `/v1` and of health, and what they share."""
