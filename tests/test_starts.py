"""What is compiled is kept: another process answers from the file, and compiles nothing that is in it."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from networks import draw, make, total

import specc
from specc_runtime import keep_compiled, starts

PROGRAM = """
import sys
import torch
from model import M
from specc_runtime import keep_compiled

asked = torch.load("asked.pt")
model = M()
model.load_state_dict(asked["state"])
keep_compiled(model, "kept")
with torch.no_grad():
    answers = [model(**given) for given in asked["inputs"]]
gradients = None
if "train" in sys.argv:
    loss = model(**asked["inputs"][0]).sin().sum()
    gradients = torch.autograd.grad(loss, list(model.parameters()))
traced = (len(model._compiled_call_impl._graphs),)
torch.save({"answers": answers, "gradients": gradients, "traced": traced}, "found.pt")
"""


def run(folder: Path, *arguments: str) -> dict[str, object]:
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, *arguments],
        cwd=folder,
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHONPATH": os.pathsep.join([str(folder), *sys.path])},
    )
    assert done.returncode == 0, done.stderr
    found: dict[str, object] = torch.load(folder / "found.pt")
    return found


SPEC = """
    axis node = S(4)
    model M(x: [node, node; 2]) -> [; 2] {
        z = relu(equivariant(x, 3))
        return invariant(z, 2)
    }
"""


@pytest.mark.slow
@pytest.mark.representative
def test_a_second_process_traces_nothing(tmp_path: Path) -> None:

    (tmp_path / "model.spec").write_text(SPEC)
    specc.build(tmp_path / "model.spec")
    model = make(SPEC)
    inputs = [draw(model, batch) for batch in (3, 1, 2)]
    torch.save({"state": model.state_dict(), "inputs": inputs}, tmp_path / "asked.pt")
    expected = [model(**given) for given in inputs]
    gradients = torch.autograd.grad(total(model(**inputs[0])), list(model.parameters()))
    first, second, third = (run(tmp_path, *each) for each in ((), (), ("train",)))
    for found in (first, second, third):
        torch.testing.assert_close(found["answers"], expected, rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(third["gradients"], gradients, rtol=1e-4, atol=1e-5)
    assert [found["traced"][0] for found in (first, second, third)] == [1, 1, 2]  # type: ignore[index]
    stamp = (tmp_path / "kept").stat().st_mtime_ns
    run(tmp_path, "train")
    assert (tmp_path / "kept").stat().st_mtime_ns == stamp
    source = tmp_path / "model.py"
    source.write_text(source.read_text() + "# another source\n")
    run(tmp_path)
    assert (tmp_path / "kept").stat().st_mtime_ns != stamp


def test_without_the_experimental_interface_it_is_compiled_as_ever(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(starts, "available", lambda: False)
    model = make(SPEC)
    keep_compiled(model, tmp_path / "kept", backend="eager")
    torch.testing.assert_close(model(**draw(model, 2)), make(SPEC)(**draw(model, 2)))
    assert not (tmp_path / "kept").exists()


SEARCH = """
import sys
from torch._inductor import cpu_vec_isa
from specc_runtime import starts

now = starts._instructions()
assert starts._searched() is None
others = {"same": now, "compiler": now._replace(compiler="x"), "processor": now._replace(claimed=())}
starts._expect(others[sys.argv[1]])
runs = []
probe = cpu_vec_isa.VecISA._probe_load
cpu_vec_isa.VecISA._probe_load = lambda *given: runs.append(given) or probe(*given)
found = tuple(map(str, cpu_vec_isa.valid_vec_isa_list()))
print(found == now.claimed, starts._searched() == now, bool(runs))
"""


@pytest.mark.slow
@pytest.mark.parametrize("kept", ["same", "compiler", "processor"])
def test_vector_instructions_are_searched_where_processor_or_compiler_are_others(kept: str) -> None:
    done = subprocess.run(
        [sys.executable, "-c", SEARCH, kept],
        capture_output=True,
        text=True,
        check=True,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
    )
    found, kept_again, searched = done.stdout.split()
    assert found == kept_again
    assert searched == str(kept != "same")


def test_generated_modules_import_no_compiler() -> None:
    """`torch.compile` takes seconds to import, which a program that does not call it need not spend."""
    code = "import sys, specc_runtime; print('torch._dynamo' in sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        check=True,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
    )
    assert done.stdout.strip() == "False"
