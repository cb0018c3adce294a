"""pfad's models and pictures in PyTorch.

    model = pfadseg.load("model.safetensors")
    maps, scores = model(pfadseg.to_input(["photo.png"], model.size))
    pfadseg.save(model, "new.safetensors")

What is wrong with a file is a ProblemError of one sentence.
"""
import contextlib
import io
import json
import math
import os
from pathlib import Path

import numpy as np
import safetensors
import safetensors.torch
import torch
from PIL import Image, ImageOps

from network import Options, PFADSeg

MEAN = torch.tensor([0.485, 0.456, 0.406]).view(3, 1, 1)
DEVIATION = torch.tensor([0.229, 0.224, 0.225]).view(3, 1, 1)
PREPROCESSING = ("RGB, antialiased bilinear to size x size, / 255, ImageNet mean 0.485 0.456 0.406 and deviation "
                 "0.229 0.224 0.225")
# Methods whose network this is.
METHODS = ("pfadseg", "destseg")
SWITCHES = ("rcm", "aff", "pcar", "plain_decoder")
# Options of several names; files from before there was a choice have the first.
CHOICES = {"map": ("segmentation", "product"), "pooled_norm": ("batch", "layer", "none", "pixel")}
# The numbers in a model's metadata with their ranges.
NUMBERS = {"rcm_band": (int, 1, 1023), "rcm_mlp_ratio": (int, 1, 64), "size": (int, 32, 4096),
           "threshold": (float, 0, 1)}


class ProblemError(Exception):
    """One sentence."""


def bytes_of(path):
    try:
        return Path(path).read_bytes()
    except OSError as error:
        raise ProblemError(f"{path}: cannot be read: {error.strerror}") from None


def describe(path, metadata):
    """The switches and numbers in a model's metadata, by their names there."""
    def text(key):
        if key not in metadata:
            raise ProblemError(f"{path}: is not a pfad model (its metadata has no `{key}`)")
        return metadata[key]

    # Files from before there were several methods have the format `pfadseg`.
    if text("format") not in ("pfad", "pfadseg"):
        raise ProblemError(f"{path}: is not a pfad model (its format is `{text('format')}`)")
    if text("format") == "pfad" and text("method") not in METHODS:
        raise ProblemError(f"{path}: is a model of the method `{text('method')}`, and this reads {' and '.join(METHODS)}")
    if text("version") != "1":
        raise ProblemError(f"{path}: is a model of version {text('version')}, and this reads version 1")
    values = {}
    for key in SWITCHES:
        if text(key) not in ("on", "off"):
            raise ProblemError(f"{path}: `{key}` is neither on nor off")
        values[key] = text(key) == "on"
    for key, names in CHOICES.items():
        values[key] = metadata.get(key, names[0])
        if values[key] not in names:
            raise ProblemError(f"{path}: `{key}` is `{values[key]}`, not {' or '.join(names)}")
    for key, (kind, low, high) in NUMBERS.items():
        try:
            values[key] = kind(text(key))
        except ValueError:
            values[key] = math.nan
        if not low <= values[key] <= high or (key == "rcm_band" and values[key] % 2 == 0):
            raise ProblemError(f"{path}: `{key}` is `{text(key)}`, which is no number in its range")
    return values


def load(path):
    """The network of a model file in evaluation mode; options, size, threshold and notes are what the file says."""
    content = bytes_of(path)
    try:
        arrays = safetensors.torch.load(content)
    except safetensors.SafetensorError as error:
        raise ProblemError(f"{path}: is not a safetensors file: {error}") from None
    header = json.loads(content[8:8 + int.from_bytes(content[:8], "little")])
    notes = header.get("__metadata__", {})
    values = describe(path, notes)
    size, threshold = values.pop("size"), values.pop("threshold")
    with torch.device("meta"):  # without initial weights
        model = PFADSeg(Options(**values), size, threshold, notes)
    wanted = model.state_dict()
    for name in sorted(wanted.keys() - arrays.keys()):
        raise ProblemError(f"{path}: has no tensor `{name}`")
    for name, array in arrays.items():
        if name not in wanted:
            raise ProblemError(f"{path}: has a tensor `{name}`, which no part of the network takes")
        if array.shape != wanted[name].shape or array.dtype != wanted[name].dtype:
            raise ProblemError(f"{path}: tensor `{name}` is {array.dtype} {list(array.shape)}, "
                               f"not {wanted[name].dtype} {list(wanted[name].shape)}")
        if not array.isfinite().all():
            raise ProblemError(f"{path}: tensor `{name}` holds a value that is not finite")
    model.load_state_dict(arrays, assign=True)
    return model.eval()


def save(model, path):
    """Writes a model file that pfad reads, whole or not at all."""
    method = model.notes.get("method", "pfadseg")
    metadata = model.notes | {"format": "pfad", "method": method, "version": "1", "preprocessing": PREPROCESSING}
    for key in SWITCHES:
        metadata[key] = "on" if getattr(model.options, key) else "off"
    metadata |= {"rcm_band": str(model.options.rcm_band), "rcm_mlp_ratio": str(model.options.rcm_mlp_ratio),
                 "map": model.options.map, "pooled_norm": model.options.pooled_norm, "size": str(model.size),
                 "threshold": repr(float(model.threshold))}
    describe(path, metadata)
    arrays = {}
    for name, array in model.state_dict().items():
        if not array.isfinite().all():
            raise ProblemError(f"{path}: is not written: tensor `{name}` holds a value that is not finite")
        counter = name.endswith("num_batches_tracked")  # always 0 in a file
        arrays[name] = torch.zeros_like(array) if counter else array.contiguous()
    write(path, safetensors.torch.save(arrays, metadata))


def write(path, content):
    """A file that appears whole, by a temporary name beside it, or stays as it was."""
    temporary = f"{path}.{os.getpid()}.tmp"
    try:
        with open(temporary, "xb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)
    except OSError as error:
        with contextlib.suppress(OSError):
            os.unlink(temporary)
        raise ProblemError(f"{path}: cannot be written: {error.strerror}") from None


def read_picture(path):
    """The pixels (h, w, 3) of a PNG, JPEG or BMP file, upright RGB in 8 bits, as pfad reads them."""
    content = bytes_of(path)
    try:
        with Image.open(io.BytesIO(content), formats=("PNG", "JPEG", "BMP")) as picture:
            picture.load()
            picture = ImageOps.exif_transpose(picture)
            if picture.mode.startswith("I;16"):  # the upper 8 bits, where Pillow would clip
                picture = Image.fromarray((np.asarray(picture) >> 8).astype(np.uint8))
            return np.array(picture.convert("RGB"))
    except Exception as error:  # Pillow has no common one
        raise ProblemError(f"{path}: is not a picture that can be read: {error}".replace("\n", " ")) from None


def resized(picture, size):
    """Pixels (size, size, 3) of a file's path or of pixels (h, w, 3); Pillow's filter is pfad's, to the last bit."""
    pixels = picture if isinstance(picture, np.ndarray) else read_picture(picture)
    return np.array(Image.fromarray(pixels).resize((size, size), Image.Resampling.BILINEAR))


def normalised(pixels):
    """What the network takes, (n, 3, h, w), of pixels (n, h, w, 3) in 8 bits."""
    return (torch.from_numpy(pixels).permute(0, 3, 1, 2).float() / 255 - MEAN) / DEVIATION


def to_input(pictures, size):
    """Both, of paths or arrays: (n, 3, size, size)."""
    return normalised(np.stack([resized(picture, size) for picture in pictures]))
