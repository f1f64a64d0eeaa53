"""What models and layers mean, written for reading and not for speed."""
