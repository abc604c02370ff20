"""Images made of machines: the disk of a stopped machine, kept as an overlay layer from which others start."""

from __future__ import annotations

import shutil
import threading
from collections.abc import Collection
from pathlib import Path

from profiles.errors import FailedError
from provisioners.sandbox.machines.machine import Machine


class BakedImages:
    """The images of one host.

    :param root: their folder; what a killed run left there is removed.
    """

    def __init__(self, root: Path) -> None:
        shutil.rmtree(root, ignore_errors=True)
        self._root = root
        self._lock = threading.Lock()
        self._layers: dict[str, tuple[Path, ...]] = {}
        self._forgotten: set[Path] = set()
        """Layers of images that nobody may start from any more, until the last machine on them is gone."""

    def bake(self, machine: Machine, image: str) -> None:
        """Copy the disk of a stopped machine; raises ``FailedError`` for one that runs."""
        layers = machine.freeze(self._root / image)
        with self._lock:
            self._layers[image] = layers

    def layers(self, image: str) -> tuple[Path, ...]:
        """The read-only layers of an image, topmost first; raises ``FailedError`` if there is none."""
        with self._lock:
            if image not in self._layers:
                raise FailedError(f"The sandbox has no image {image}.")
            return self._layers[image]

    def forget(self, image: str) -> None:
        """Let go of an image; nothing happens if there is none."""
        with self._lock:
            if image in self._layers:
                self._forgotten.add(self._layers.pop(image)[0])

    def prune(self, used: Collection[Path]) -> None:
        """Remove the layers of forgotten images that nothing stands on: neither ``used`` nor another image."""
        with self._lock:
            kept = {*used, *(layer for layers in self._layers.values() for layer in layers)}
            for layer in self._forgotten - kept:
                shutil.rmtree(layer)
                self._forgotten.discard(layer)

    def close(self) -> None:
        """Remove all of them; their machines are gone."""
        for image in list(self._layers):
            self.forget(image)
        self.prune(())
        shutil.rmtree(self._root, ignore_errors=True)
