"""Random streams: each is derived from (seed, epoch, purpose), so that nothing depends on a saved generator state."""

import hashlib

import torch


def stream_seed(seed: int, epoch: int, purpose: str) -> int:
    """A 63-bit seed for one purpose ("initialise", "order", "augment", "dropout") in one epoch of one run."""
    digest = hashlib.sha256(f"{seed}/{epoch}/{purpose}".encode()).digest()
    return int.from_bytes(digest[:8], "big") >> 1


def generator(seed: int, epoch: int, purpose: str, device: torch.device | str = "cpu") -> torch.Generator:
    """A generator on `device` for one purpose in one epoch of one run."""
    return torch.Generator(device).manual_seed(stream_seed(seed, epoch, purpose))
