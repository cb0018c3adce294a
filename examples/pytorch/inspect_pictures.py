#!/usr/bin/env python3
"""Score and map of pictures by a pfad model in PyTorch: a line of JSON a picture, as pfad_inspect --json has it."""
import io
import json
from pathlib import Path

import numpy as np
import torch

import pfadseg
from program import Parser, make_folder, run


def main():
    parser = Parser(description=__doc__)
    parser.add_argument("pictures", nargs="+", help="PNG, JPEG or BMP")
    parser.add_argument("--model", required=True, help="a model.safetensors of pfad")
    parser.add_argument("--maps", help="folder for each map, NAME.npy: (size, size) in float")
    arguments = parser.parse_args()
    model = pfadseg.load(arguments.model)
    names = [Path(picture).stem for picture in arguments.pictures]
    if arguments.maps and len(set(names)) < len(names):
        raise pfadseg.ProblemError("--maps: two pictures have one name, and so would their maps")
    if arguments.maps:
        make_folder(arguments.maps)
    defects = False
    for picture, name in zip(arguments.pictures, names):
        with torch.inference_mode():
            maps, scores = model(pfadseg.to_input([picture], model.size))
        score = scores.item()
        defects |= score >= model.threshold
        print(json.dumps({"picture": picture, "score": score, "threshold": model.threshold,
                          "defect": score >= model.threshold}), flush=True)
        if arguments.maps:
            content = io.BytesIO()
            np.save(content, maps[0, 0].numpy())
            pfadseg.write(f"{arguments.maps}/{name}.npy", content.getvalue())
    return int(defects)


if __name__ == "__main__":
    run(main)
