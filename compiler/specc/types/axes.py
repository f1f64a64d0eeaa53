"""Named axes and the groups that move them."""

from __future__ import annotations

from dataclasses import dataclass, replace

from ..groups import (
    Diagrams,
    Group,
    Joint,
    Linear,
    Orthogonal,
    Pinned,
    Spin,
    Stabiliser,
    Structure,
    Symmetric,
    Tied,
    absolute,
    absolute_name,
    dual,
    dual_name,
)


@dataclass(frozen=True, slots=True)
class Axis:
    """A named axis with `size` positions. Axes of one name are moved by one and the same group element.

    `parent` is the axis that this one lives in (a wreath product): the positions of `member` are
    permuted separately in each position of its `cloud`. `coded` says that learned codes stand for the
    positions of an axis that is pinned where it was declared. `element` names the group element where
    axes of several names share one.
    """

    name: str
    size: int
    group: Group
    parent: Axis | None = None
    coded: bool = False
    element: str = ""

    @property
    def mover(self) -> str:
        """What moves it: axes with one mover are moved by one and the same group element."""
        return self.element or self.name

    @property
    def tied(self) -> bool:
        """Whether its group is given by generators, so that its positions count as channels of a layer
        whose coefficients are tied."""
        return isinstance(self.group, Tied) and not self.pinned

    @property
    def joint(self) -> Joint | None:
        """The group that moves it together with others, if one does."""
        return self.group if isinstance(self.group, Joint) else None

    @property
    def fixed(self) -> bool:
        """Whether a module knows how many positions it has: others may be as many as an input brings.

        Beside a vector of a named O(3) may stand spins, which are those of three dimensions.
        """
        if self.pinned or not isinstance(self.group, Diagrams):
            return True
        if isinstance(self.group, Orthogonal) and self.element:
            return True
        group = self.group
        return group.form is not None or bool(group.determinants or group.contracts_with)

    @property
    def diagrams(self) -> Diagrams:
        """Its group, which is one of diagrams."""
        assert isinstance(self.group, Diagrams), f"{self.name} has diagrams"
        return self.group

    @property
    def moved(self) -> Axis:
        """The axis that stands for all with this mover."""
        if isinstance(self.group, Orthogonal):
            return replace(self, name=self.mover)  # its size is fixed by the element's name
        if isinstance(self.group, Diagrams):
            return replace(self, name=self.mover, group=self.group.base, element="")
        return replace(self, name=self.mover, element="")

    @property
    def pinned(self) -> bool:
        """Whether its positions are all distinct; so is a single position that no sign changes."""
        if isinstance(self.group, Pinned):
            return True
        if self.size > 1:
            return False
        special = isinstance(self.group, Orthogonal | Linear) and self.group.special
        return special or self.group.structure is Structure.PERMUTATION

    @property
    def affine(self) -> bool:
        """Whether its group has translations, so that there are points and displacements along it."""
        return isinstance(self.group, Orthogonal) and self.group.affine

    @property
    def unitary(self) -> bool:
        """Whether it holds coordinates of complex vectors, moved by a unitary group."""
        return isinstance(self.group, Linear | Stabiliser) and self.group.unitary

    @property
    def masked(self) -> bool:
        """Whether a mask says at run time which positions are there."""
        return isinstance(self.group, Symmetric) and self.group.masked

    @property
    def symmetry(self) -> str:
        """The group as written in a spec: `S(32)`, `S(8) in head`, `pinned`."""
        inside = f" in {self.parent.name}" if self.parent else ""
        return self.group.notation(self.size) + inside

    @property
    def shared(self) -> str:
        """Its group by the name under which axes share it, `P`, `P spin 2`; empty without such a name."""
        if not self.element or self.pinned or "(" in self.name:
            return ""
        spin = f" {self.group.written}" if isinstance(self.group, Spin) else ""
        return f"{self.element}{spin}"

    @property
    def called(self) -> str:
        """Its group with that name: `P = O(3)`, `P spin 2`, else as it is."""
        if self.joint or self.shared in ("", self.symmetry):
            return self.symmetry
        return self.shared if isinstance(self.group, Spin) else f"{self.shared} = {self.symmetry}"

    @property
    def structure(self) -> Structure:
        """What the matrices look like that move it."""
        return Structure.IDENTITY if self.pinned else self.group.structure

    @property
    def permuted(self) -> bool:
        """Whether its positions are at most permuted, so that every function commutes with its group."""
        return self.structure in (Structure.IDENTITY, Structure.PERMUTATION)

    def absolute(self) -> Axis:
        """`abs(s)`: the axis of what has lost the signs of a monomial matrix; another as it is."""
        if self.structure not in (Structure.SIGNED, Structure.MONOMIAL):
            return self
        group = absolute(self.group)
        return replace(self, name=absolute_name(self.name), group=group, element=self.mover)

    def dual(self) -> Axis:
        """`dual(v)`: the axis of linear forms; itself where its group keeps a form."""
        group = dual(self.group, self.size)
        if group == self.group:
            return self
        name = dual_name(self.name)
        return replace(
            self, name=name, group=group, element="" if name == self.mover else self.mover
        )

    def pin(self) -> Axis:
        """The same axis, asked for less symmetry: every position is distinct."""
        return replace(self, group=Pinned(), parent=None, coded=False, element="")

    def __str__(self) -> str:
        return self.name
