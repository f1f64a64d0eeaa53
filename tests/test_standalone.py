"""A file built with `--standalone` needs torch alone, and computes what the ordinary module does."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
import torch
from networks import SPECS, draw, draw_masks
from torch import nn

import specc

# Runs one standalone file with given inputs where nothing of the project can be imported.
PROGRAM = """
import importlib.abc, importlib.util, sys

class Forbidden(importlib.abc.MetaPathFinder):
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in ("specc", "specc_runtime", "specc_grammar"):
            raise ImportError(f"{name} is forbidden here")

sys.meta_path.insert(0, Forbidden())
import torch

for folder in sys.argv[1:]:
    location = importlib.util.spec_from_file_location("model", f"{folder}/model.py")
    module = importlib.util.module_from_spec(location)
    location.loader.exec_module(module)
    given = torch.load(f"{folder}/given.pt")
    model = module.M()
    model.load_state_dict(given["state"], strict=True)
    outputs = model(**given["inputs"])
    torch.manual_seed(1)
    torch.save({"outputs": outputs, "fresh": module.M().state_dict()}, f"{folder}/found.pt")
    try:
        model()
    except TypeError:
        pass
    try:
        model(**{name: None for name in given["inputs"]})
    except module.InputError:
        pass
"""


def test_standalone_files_need_torch_alone(tmp_path: Path) -> None:
    """One process for all specs: most of its time is spent importing torch."""
    models: dict[str, nn.Module] = {}
    for name, text in SPECS.items():
        folder = tmp_path / name.replace(" ", "_")
        folder.mkdir()
        (folder / "model.spec").write_text(text, encoding="utf-8")
        specc.build(folder / "model.spec", standalone=True)
        model = models[name] = specc.load(text).M()
        inputs = {**draw(model, 3), **draw_masks(model, 3)}
        torch.save({"state": model.state_dict(), "inputs": inputs}, folder / "given.pt")
    folders = [str(tmp_path / name.replace(" ", "_")) for name in SPECS]
    command = [sys.executable, "-I", "-c", PROGRAM, *folders]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    for folder, (name, model) in zip(folders, models.items(), strict=True):
        found = torch.load(Path(folder) / "found.pt")
        given = torch.load(Path(folder) / "given.pt")
        torch.testing.assert_close(found["outputs"], model(**given["inputs"]), rtol=0, atol=0)
        torch.manual_seed(1)
        fresh = specc.load(SPECS[name]).M().state_dict()
        torch.testing.assert_close(found["fresh"], fresh, rtol=0, atol=0)


@pytest.mark.parametrize("name", ["set", "graph"])
def test_only_what_is_used_is_written(name: str) -> None:
    text = specc.api.generate(SPECS[name], {}, standalone=True)
    assert ("def masked_mean" in text) == (name == "graph")
    assert "class Codes" not in text and "class PerTensor" not in text
