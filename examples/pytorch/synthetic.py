"""Artificial anomalies: a texture blended into a good picture under a Perlin mask, as pfad's trainer makes them."""
import math

import numpy as np
import torch
import torch.nn.functional as F


def perlin(size, cells_down, cells_across, random):
    """Gradient noise (size, size) on a lattice of unit vectors with random angles."""
    angles = random.uniform(0, 2 * math.pi, (cells_down + 1, cells_across + 1))
    gradients = np.stack([np.sin(angles), np.cos(angles)])
    y = (np.arange(size) * cells_down / size)[:, None]
    x = (np.arange(size) * cells_across / size)[None, :]
    top, left = y.astype(int), x.astype(int)
    y, x = y - top, x - left

    def corner(down, across):
        gradient = gradients[:, top + down, left + across]
        return gradient[0] * (y - down) + gradient[1] * (x - across)

    def fade(t):
        return t**3 * (t * (6 * t - 15) + 10)

    upper = corner(0, 0) + fade(x) * (corner(0, 1) - corner(0, 0))
    lower = corner(1, 0) + fade(x) * (corner(1, 1) - corner(1, 0))
    return math.sqrt(2) * (upper + fade(y) * (lower - upper))


def mask(size, random):
    """0 or 1, (1, size, size): noise of 1 to 32 cells along each axis, turned by up to 90 degrees, above 0.5."""
    down, across = 2 ** random.integers(0, 6, 2)
    noise = torch.from_numpy(perlin(size, down, across, random)).float()
    turn = math.radians(random.uniform(-90, 90))
    turned = torch.tensor([[math.cos(turn), -math.sin(turn), 0], [math.sin(turn), math.cos(turn), 0]])
    grid = F.affine_grid(turned[None], (1, 1, size, size), align_corners=False)
    return (F.grid_sample(noise[None, None], grid, align_corners=False)[0] > 0.5).float()


def corrupt(good, texture, random):
    """Good pixels (h, w, 3) and a texture's, both 8 bits: the corrupted ones as (h, w, 3) in 0 .. 255, and the mask."""
    where = mask(good.shape[0], random)
    opacity = random.uniform(0.15, 1) * where.numpy().transpose(1, 2, 0)
    return ((1 - opacity) * good + opacity * texture).astype(np.float32), where
