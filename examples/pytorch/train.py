#!/usr/bin/env python3
"""Goes on training a pfad model in PyTorch: both stages, with a momentum of zero at the start of each.

Losses, rates and samples are those of docs/training.md; pictures are not turned. Writes OUT/model.safetensors,
which pfad reads, and OUT/log.jsonl.
"""
import json
import math
import shlex
import sys
import time
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F

import pfadseg
import synthetic
from program import Parser, make_folder, pictures_in, run


def cosine_loss(teacher, student):
    """Equations (3) and (4): the mean over each map, summed over levels and batch."""
    return sum((1 - F.cosine_similarity(t, s, eps=1e-12)).mean((1, 2)).sum() for t, s in zip(teacher, student))


def focal_and_l1(logits, mask):
    """Equations (10) and (11), means over the pixels; the mask is bilinear, then 1 from one half on."""
    mask = F.interpolate(mask, logits.shape[2:], mode="bilinear", align_corners=False) >= 0.5
    right = torch.where(mask, logits, -logits)
    wrong = torch.sigmoid(-right)
    return (wrong**4 * F.softplus(-right).clamp(max=100)).mean(), wrong.mean()


def sgd(*groups):
    return torch.optim.SGD([{"params": list(parameters), "lr": rate} for parameters, rate in groups],
                           momentum=0.9, weight_decay=1e-4)


class Samples:
    """Batches of good pictures, each with its corrupted twin and mask; every epoch is a permutation."""

    def __init__(self, pictures, textures, size, batch, seed):
        self.random = np.random.default_rng(seed)
        self.good = [pfadseg.resized(picture, size) for picture in pictures]
        self.textures = [pfadseg.resized(texture, size) for texture in textures]
        self.batch, self.order = batch, []

    def next(self):
        while len(self.order) < self.batch:
            self.order += list(self.random.permutation(len(self.good)))
        chosen, self.order = self.order[:self.batch], self.order[self.batch:]
        good = [self.good[i] for i in chosen]
        textures = self.random.integers(len(self.textures), size=self.batch)
        made = [synthetic.corrupt(g, self.textures[t], self.random) for g, t in zip(good, textures)]
        corrupted, masks = zip(*made)
        return (pfadseg.normalised(np.stack(good)), pfadseg.normalised(np.stack(corrupted)), torch.stack(masks))


def train(model, samples, student_iterations, segmentation_iterations, report):
    """Trains the student, then the segmentation network, and calls report(losses) after each iteration."""
    model.eval().requires_grad_(False)
    model.student.train().requires_grad_(True)
    optimiser = sgd((model.student.parameters(), 0.5))
    for _ in range(student_iterations):
        clean, corrupted, _ = samples.next()
        loss = cosine_loss(model.teacher(clean), model.student(corrupted))
        step(optimiser, loss)
        report({"stage": 1, "cosine": loss.item() / samples.batch})

    model.eval().requires_grad_(False)
    network = model.segmentation.train().requires_grad_(True)
    residual = {id(parameter) for parameter in network.res.parameters()}
    rest = [parameter for parameter in network.parameters() if id(parameter) not in residual]
    optimiser = sgd((network.res.parameters(), 0.1), (rest, 0.01))
    for _ in range(segmentation_iterations):
        _, corrupted, mask = samples.next()
        focal, l1 = focal_and_l1(network(model.similarity(corrupted)), mask)
        step(optimiser, focal + l1)
        report({"stage": 2, "focal": focal.item(), "l1": l1.item()})
    model.eval().requires_grad_(False)


def step(optimiser, loss):
    optimiser.zero_grad()
    loss.backward()
    optimiser.step()


def threshold_of(model, pictures):
    """Three deviations above the mean of good scores, and not below the highest of them."""
    with torch.inference_mode():
        scores = np.array([model(pfadseg.normalised(picture[None]))[1].item() for picture in pictures])
    return float(np.clip(max(scores.max(), scores.mean() + 3 * scores.std()), 1e-6, 1))


def main():
    parser = Parser(description=__doc__.partition("\n")[0])
    parser.add_argument("--from", dest="model", required=True, help="the model.safetensors to go on from")
    parser.add_argument("--data", required=True, help="the category; DATA/train/good is read")
    parser.add_argument("--textures", required=True, help="pictures to paint anomalies with")
    parser.add_argument("--out", required=True, help="folder for model.safetensors and log.jsonl")
    parser.add_argument("--batch", type=int, default=16, help="pictures an iteration, two or more (16)")
    parser.add_argument("--student-iterations", type=int, default=3000, help="stage one (3000)")
    parser.add_argument("--segmentation-iterations", type=int, default=4000, help="stage two (4000)")
    parser.add_argument("--seed", type=int, default=0, help="of the samples (0)")
    a = parser.parse_args()
    if a.batch < 2 or min(a.student_iterations, a.segmentation_iterations, a.seed) < 0:
        raise pfadseg.ProblemError("the batch is two or more, and no other number is negative")
    model = pfadseg.load(a.model)
    start = time.monotonic()
    samples = Samples(pictures_in(f"{a.data}/train/good"), pictures_in(a.textures, "**/*"), model.size, a.batch, a.seed)
    make_folder(a.out)
    try:
        log = open(f"{a.out}/log.jsonl", "w")
    except OSError as error:
        raise pfadseg.ProblemError(f"{a.out}/log.jsonl: cannot be written: {error.strerror}") from None
    done, before = 0, time.monotonic()

    def report(losses):
        nonlocal done, before
        if not all(map(math.isfinite, losses.values())):
            raise pfadseg.ProblemError(f"training: the loss of iteration {done} is not finite")
        now = time.monotonic()
        log.write(json.dumps(losses | {"iteration": done, "seconds": now - before}) + "\n")
        log.flush()
        if done % 10 == 0:
            print(f"{done + 1}/{a.student_iterations + a.segmentation_iterations}  " +
                  ", ".join(f"{key} {value:.4f}" for key, value in losses.items() if key != "stage"), flush=True)
        done, before = done + 1, now

    with log:
        train(model, samples, a.student_iterations, a.segmentation_iterations, report)
    model.threshold = threshold_of(model, samples.good)
    model.notes = {"teacher": model.notes.get("teacher", Path(a.model).name),
                   "command": shlex.join([Path(sys.argv[0]).name, *sys.argv[1:]]), "seed": str(a.seed),
                   "training_pictures": str(len(samples.good)),
                   "training_seconds": f"{time.monotonic() - start:.6f}"}
    pfadseg.save(model, f"{a.out}/model.safetensors")
    print(f"{a.out}/model.safetensors written; threshold {model.threshold:.4f} from {len(samples.good)} good pictures")


if __name__ == "__main__":
    run(main)
