"""Commands that run generated modules for what they do, not for whether they are right: measuring them,
and compiling them ahead of time.
"""
