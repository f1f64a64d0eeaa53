"""What `speed.py` and `scale.py` are made of: spaces, competitors, measuring and reporting."""
