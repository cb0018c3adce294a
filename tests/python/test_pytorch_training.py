"""Training that goes on in PyTorch where pfad ended, and in pfad where PyTorch ended."""
import json
import math
import os
import re
import unittest
from pathlib import Path

import numpy as np
import torch

from support import (EXAMPLES, ROOT, InFolder, category, pictures, random_model, run, same_arrays, torch_results,
                     trained)
import pfadseg
import train
from network import Options


class Training(InFolder):
    def go_on(self, program, start, to, iterations):
        data = category()
        more = ("--checkpoint-every", 0) if program == "pfad_train" else ()
        run(program, *more, "--from", start, "--data", data / "tiny", "--textures", data / "paint", "--out", to,
            "--batch", 2, "--student-iterations", iterations, "--segmentation-iterations", iterations)
        log = [json.loads(line) for line in (to / "log.jsonl").read_text().splitlines()]
        self.assertEqual([line["iteration"] for line in log], list(range(2 * iterations)))
        self.assertEqual([line["stage"] for line in log], [1] * iterations + [2] * iterations)
        losses = [[line["cosine"] for line in log[:iterations]],
                  [line["focal"] + line["l1"] for line in log[iterations:]]]
        self.assertTrue(all(map(math.isfinite, sum(losses, []))))
        return to / "model.safetensors", losses

    def test_each_goes_on_where_the_other_ended(self):
        # Without AFF: after a few steps of two pictures its batch norms magnify the rounding of float.
        written, options = self.folder / "model.safetensors", Options(aff=False)
        pfadseg.save(random_model(options), written)
        in_pfad, first = self.go_on("pfad_train", written, self.folder / "pfad", 3)
        in_torch, second = self.go_on("train.py", in_pfad, self.folder / "torch", 3)
        for before, after in zip(first, second):
            self.assertLess(before[-1], 0.9 * before[0])
            self.assertLess(after[0], 0.8 * before[0])  # from the start it would be as high
        self.assertLess(second[0][-1], 0.9 * second[0][0])
        for path in (in_pfad, in_torch):
            model = pfadseg.load(path)
            self.assertEqual((model.options, model.size, model.notes["teacher"]), (options, 64, "random"))
            self.assert_agree(path, model, pictures())
            for name, same in same_arrays(path, written).items():
                self.assertEqual(same, name.startswith("teacher") or name.endswith("num_batches_tracked"), name)
        # The threshold is of the good pictures.
        model = pfadseg.load(in_torch)
        scores = torch_results(model, sorted((category() / "tiny/train/good").iterdir()))[1]
        self.assertAlmostEqual(model.threshold, max(scores.max(), scores.mean() + 3 * scores.std()), delta=1e-6)

    def test_losses_are_those_of_the_paper(self):
        random = np.random.default_rng(0)
        teacher, student = random.normal(size=(2, 3, 2, 5, 4, 4))  # three levels
        cosines = (teacher * student).sum(2) / np.sqrt((teacher**2).sum(2) * (student**2).sum(2))
        self.assertAlmostEqual(train.cosine_loss(torch.tensor(teacher), torch.tensor(student)).item(),
                               (1 - cosines).mean((2, 3)).sum(), delta=1e-9)
        logits, mask = random.normal(size=(2, 2, 1, 4, 4))
        mask = (mask > 0).astype(float)
        right = np.where(mask > 0, 1, -1) * logits
        q = 1 / (1 + np.exp(-right))
        focal, l1 = train.focal_and_l1(torch.tensor(logits), torch.tensor(mask))
        self.assertAlmostEqual(focal.item(), (-(1 - q)**4 * np.log(q)).mean(), delta=1e-9)
        self.assertAlmostEqual(l1.item(), (1 - q).mean(), delta=1e-9)

    def test_the_threshold_is_not_below_the_highest_good_score(self):
        pictures = np.zeros((20, 64, 64, 3), np.uint8)
        pictures[7] = 255
        self.assertEqual(train.threshold_of(lambda x: (None, 0.5 * (x.mean() > 0)), pictures), 0.5)
        self.assertAlmostEqual(train.threshold_of(lambda x: (None, 0.5 * (x.mean() > 0)), pictures[5:9]),
                               0.125 + 3 * 0.5 * (3 / 16)**0.5, delta=1e-9)

    def test_anomalies_are_textures_under_a_mask(self):
        random = np.random.default_rng(0)
        good, texture = random.integers(0, 256, (2, 64, 64, 3)).astype(np.uint8)
        shares = []
        for _ in range(50):
            corrupted, mask = train.synthetic.corrupt(good, texture, random)
            inside = mask[0].numpy() > 0
            shares.append(inside.mean())
            self.assertTrue(np.array_equal(corrupted[~inside], good[~inside]))
            if inside.any():
                opacity = (corrupted - good.astype(float))[inside].sum() / (texture - good.astype(float))[inside].sum()
                self.assertTrue(0.15 <= opacity <= 1)
                blend = (1 - opacity) * good + opacity * texture
                np.testing.assert_allclose(corrupted[inside], blend[inside], atol=1e-2)
        self.assertTrue(0.02 < np.mean(shares) < 0.4)


class Documents(InFolder):
    def test_what_the_readme_says_runs(self):
        text = (EXAMPLES / "README.md").read_text()
        self.addCleanup(os.chdir, os.getcwd())
        os.chdir(self.folder)
        for name, target in (("run", trained().parent), ("CATEGORY", category() / "tiny"),
                             ("TEXTURES", category() / "paint"), ("photo.png", pictures()[1])):
            os.symlink(target, name)
        for line in re.search("```sh\n(.*?)```", text, re.DOTALL)[1].splitlines():
            words = line.partition("#")[0].removeprefix("build/python/bin/python ").split()
            self.assertTrue((ROOT / words[0]).exists(), line)
            if not words[0].startswith("scripts"):
                none = ("--student-iterations", 0, "--segmentation-iterations", 0)
                run(Path(words[0]).name, *words[1:], *(none if "train" in words[0] else ()), expect=(0, 1))
        exec(re.search("```python\n(.*?)```", text, re.DOTALL)[1], {})
        for made in ("maps/photo.npy", "torch/model.safetensors", "on/model.safetensors", "copy.safetensors"):
            self.assertTrue((self.folder / made).exists(), made)
        for link in re.findall(r"\]\(([^)]+)\)", text):
            self.assertTrue((EXAMPLES / link.partition("#")[0]).exists(), link)


if __name__ == "__main__":
    unittest.main()
