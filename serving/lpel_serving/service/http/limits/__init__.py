"""Limits on what a client may use: connections, uploads, admitted requests, memory, time."""
