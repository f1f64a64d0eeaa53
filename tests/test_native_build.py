"""Where the C++ operators are built: once, whatever became of the processes that tried before."""

from __future__ import annotations

from pathlib import Path

import pytest
from torch.utils import cpp_extension

from specc_runtime import native


@pytest.fixture
def builds(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[Path]:
    """The folders in which something was built, by what stands for a compiler."""
    folders: list[Path] = []

    def build(name: str, sources: list[str], *, build_directory: str, **named: object) -> None:
        folder = Path(build_directory)
        assert not (folder / "lock").exists(), "torch would wait for it"
        folders.append(folder)
        (folder / f"{name}.so").write_bytes(b"")

    monkeypatch.setenv("TORCH_EXTENSIONS_DIR", str(tmp_path))
    monkeypatch.setattr(cpp_extension, "load", build)
    return folders


def test_what_is_built_is_found(builds: list[Path]) -> None:
    library = native._built()
    assert native._built() == library
    assert builds == [library.parent]


def test_the_lock_of_a_process_that_was_killed_keeps_nobody_waiting(
    builds: list[Path], tmp_path: Path
) -> None:
    library = native._built()
    (library.parent / "complete").unlink()
    (library.parent / "lock").touch()
    assert native._built() == library
    assert len(builds) == 2


def test_what_a_compiler_left_when_it_failed_is_not_taken(
    builds: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    build = cpp_extension.load

    def fail(name: str, sources: list[str], *, build_directory: str, **named: object) -> None:
        build(name, sources, build_directory=build_directory)
        raise RuntimeError("no space left")

    monkeypatch.setattr(cpp_extension, "load", fail)
    with pytest.raises(RuntimeError, match="no space left"):
        native._built()
    monkeypatch.setattr(cpp_extension, "load", build)
    native._built()
    assert len(builds) == 2


def test_without_a_compiler_the_plain_path_is_used(
    builds: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise RuntimeError("no compiler")

    native._load.cache_clear()
    monkeypatch.setattr(cpp_extension, "load", fail)
    with pytest.warns(UserWarning, match="the plain path is used: no compiler"):
        assert not native.enable()
    assert not native.enabled()
    assert not builds
