"""Settings of the test session, made before numpy and torch are imported."""

from __future__ import annotations

import os

# Small matrices on shared cores: waiting threads cost 50 times the arithmetic.
for name in ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ.setdefault(name, "1")
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
