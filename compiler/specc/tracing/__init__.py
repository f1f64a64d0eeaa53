"""The permutation symmetry of any PyTorch model, derived from its own graph."""
