#!/usr/bin/env bash
# Pictures that are kept out, thresholds from them, scores that are unsure, several runs, and a new place.
source "$(dirname "$0")/support.bash"

make_tiny_category || exit 1
# With 24 good pictures every third one kept out makes eight.
mkdir -p line/train/good && cp $(ls demo/flange/train/good/* | head -n 24) line/train/good
cp -r tiny/test tiny/ground_truth line
train=(pfad_train --method stpm --data line --teacher random --out run --size 64 --batch 2 --iterations 2 --threads 2)

refuses "every picture kept out" "keep-out: it is 0, or 2 and more" run "${train[@]}" --keep-out 1
refuses "a rate from too few pictures" "--false-alarms: at least 8 pictures must be kept out, and of 24 --keep-out 8 does not" run \
    "${train[@]}" --false-alarms 0.1
refuses "a rate above 1" "false-alarms.*2 not in range" run "${train[@]}" --false-alarms 2

succeeds "train with too few to keep out" "${train[@]}" --out few
check "all learn" grep -q "^24 good pictures, 0 more kept out, " stdout.txt
check "and it says where the threshold comes from" grep -Eq \
    "^Threshold [0-9.e-]+ from the 24 training pictures, as none were kept out: " stdout.txt
# A kept-out picture that is damaged is found before the training.
cp -r line damaged && head -c 500 line/train/good/$(ls line/train/good | sed -n 6p) >damaged/train/good/$(ls line/train/good | sed -n 6p)
refuses "a damaged picture among those kept out" "is damaged|is truncated|ends before" broken \
    "${train[@]}" --data damaged --out broken --keep-out 3 --iterations 100000
succeeds "train with eight kept out" "${train[@]}" --keep-out 3
check "how many learn" grep -q "^16 good pictures, 8 more kept out, " stdout.txt
check "the threshold comes from them" grep -Eq "^Threshold [0-9.e-]+ from 8 good pictures that were kept out of training\.$" stdout.txt
# 1 - 0.05^(1/8).
sentence="0 of 8 good pictures are flagged: of new ones like them at most 31.3 %, with a confidence of 95 %"
check "with its confidence" grep -qFx "$sentence." stdout.txt
check "the gauge has a sentence" grep -Eq "^Gauge: good pictures (are called defects where they are|stay good in the light) " stdout.txt
succeeds "info" pfad_info run/model.safetensors
check "tells of all of it" test "$(grep -Ec "^(kept_out_pictures +8|false_alarms +$sentence|gauge +good pictures .*|training_pictures +16)$" stdout.txt)" -eq 4
kept=$(ls line/train/good/* | awk 'NR % 3 == 0')
# shellcheck disable=SC2086 # a list
"$bin/pfad_inspect" --model run/model.safetensors $kept >stdout.txt
check "none of those is a defect" test "$(grep -c "  good" stdout.txt)" -eq 8
succeeds "train for a rate" "${train[@]}" --out rate --keep-out 3 --false-alarms 0.25
check "two of eight" grep -q "^2 of 8 good pictures are flagged: " stdout.txt
check "and how many would do" grep -qFx "To promise 25 % takes 11 such pictures, none of them flagged." stdout.txt
# shellcheck disable=SC2086
"$bin/pfad_inspect" --model rate/model.safetensors $kept >stdout.txt
check "they are" test "$(grep -c "  DEFECT" stdout.txt)" -eq 2

# Two thresholds.
succeeds "a threshold and one for unsure scores" pfad_threshold --model run/model.safetensors \
    --good line/train/good --false-alarms 0 --unsure 0.5 --out unsure.safetensors
check "it says how many" grep -Eq "^unsure +from [0-9.e-]+, with the defects 12 of the good pictures$" stdout.txt
inspects "inspect" pfad_inspect --model unsure.safetensors line/train/good/*
check "half of them are unsure" test "$(grep -c "  UNSURE$" stdout.txt)" -eq 12
check "the others good" test "$(grep -c "  good$" stdout.txt)" -eq 12
inspects "inspect without" pfad_inspect --model unsure.safetensors --unsure 0 line/train/good/*
check "none is" test "$(grep -c "  good$" stdout.txt)" -eq 24
"$bin/pfad_inspect" --model unsure.safetensors --unsure 1e-30 --json line/train/good/* >stdout.txt
check "all are" test "$(grep -c '"unsure":true' stdout.txt)" -eq 24
refuses "an unsure score above the threshold" "--unsure: no score is, since it is not below the threshold" run \
    pfad_inspect --model run/model.safetensors --unsure 1 line/train/good/000.png
refuses "no score would be unsure" "--unsure: no score is, since that share of the good pictures" run \
    pfad_threshold --model run/model.safetensors --good line/train/good --false-alarms 0.5 --unsure 0.1 --out none.safetensors
refuses "a score that is none" "unsure" run pfad_inspect --model unsure.safetensors --unsure -1 line/train/good/000.png
succeeds "another threshold" pfad_threshold --model unsure.safetensors --good line/train/good \
    --false-alarms 0.1 --out again.safetensors
succeeds "info of it" pfad_info again.safetensors
check "has neither a second one nor a gauge" test "$(grep -Ec '^(unsure|gauge)' stdout.txt)" -eq 0
succeeds "info as JSON" pfad_info --json unsure.safetensors
check "has a number" grep -Eq '^  "unsure_threshold": [0-9.e-]+,$' stdout.txt

# Several runs.
succeeds "two runs" "${train[@]}" --out runs --runs 2 --seed 5 --keep-out 0
check "a row each" test "$(grep -Ec "^seed [56]: image AUROC [01]\.[0-9]+, pixel AUROC .*; [0-9] of 2 defects found, [0-9] of 2 good ones flagged$" stdout.txt)" -eq 2
check "and what they are together" grep -Eq "^image AUROC +[01]\.[0-9]{4}  [01]\.[0-9]{4}  [01]\.[0-9]{4}$" stdout.txt
grep "^seed 5" stdout.txt >first.txt
succeeds "the second by itself" "${train[@]}" --out alone --seed 6 --keep-out 0
check "has its weights" cmp <(weights alone/model.safetensors) <(weights runs/seed-6/model.safetensors)
refuses "runs of other options" "seed-5/model.safetensors: is of another training: .iterations. was .2. and is now .3." runs \
    "${train[@]}" --out runs --runs 2 --seed 5 --keep-out 0 --resume --iterations 3
rm -r runs/seed-6
before=$(stat -c %Y.%i runs/seed-5/model.safetensors)
succeeds "go on" "${train[@]}" --out runs --runs 2 --seed 5 --keep-out 0 --resume
check "the first stays" test "$before" = "$(stat -c %Y.%i runs/seed-5/model.safetensors)"
check "and has its row" test "$(grep -cFxf first.txt stdout.txt)" -eq 1
refuses "runs into what is there" "seed-5/model.safetensors: is there from an earlier run" runs \
    "${train[@]}" --out runs --runs 3 --seed 4 --keep-out 0
cp -r line unmarked && head -c 100 line/ground_truth/pit/000_mask.png >unmarked/ground_truth/pit/000_mask.png
refuses "runs with a damaged mask" "000_mask.png: is truncated" unmarked \
    "${train[@]}" --data unmarked --out unmarked/runs --runs 2
refuses "runs from a model" "--runs: they begin anew, and --from goes on with a model" more \
    "${train[@]}" --out more --runs 2 --from run/model.safetensors

# Going on from a model that has seen what is kept out now.
from=(pfad_train --data line --from few/model.safetensors --out on --batch 2 --iterations 1 --threads 2 --keep-out 3)
succeeds "go on from one that saw all" "${from[@]}"
check "it says so" grep -Eq "^Threshold .* from 8 good pictures that this training did not see, but the one of few/model.safetensors may have:" stdout.txt
succeeds "go on from one that did not" "${from[@]}" --from run/model.safetensors --out on2
check "it promises" grep -qFx "$sentence." stdout.txt

# A new place.
succeeds "evaluate" pfad_evaluate --model run/model.safetensors --data line --json a.json
succeeds "evaluate in other light" pfad_evaluate --model run/model.safetensors --data line --json b.json --brightness 0.5
check "it has other scores" test "$(grep -c '"score"' <(grep -Fxf <(grep '"score"' a.json) b.json))" -eq 0
succeeds "record" pfad_evaluate --model run/model.safetensors --data line --record
mkdir new && cp $(ls demo/flange/test/good/* | head -n 5) new
adapt=(pfad_adapt --model run/model.safetensors --good new --statistics 2 --out adapted.safetensors --threads 2)
before=$(cksum <run/model.safetensors)
succeeds "adapt" "${adapt[@]}"
check "it says the threshold" grep -Eq "^threshold [0-9.e-]+ from 5 good pictures, before [0-9.e-]+$" stdout.txt
check "the model is as it was" test "$before" = "$(cksum <run/model.safetensors)"
check "the new one is another" test "$(weights run/model.safetensors | cksum)" != "$(weights adapted.safetensors | cksum)"
succeeds "info of it" pfad_info adapted.safetensors
check "says so" grep -Eq "^adapt_command +pfad_adapt --model run/model.safetensors " stdout.txt
check "and of the old threshold and metrics nothing" test "$(grep -Ec '^(false_alarms|gauge|kept_out|preview|evaluation|image_auroc|iap)' stdout.txt)" -eq 0
inspects "inspect with it" pfad_inspect --model adapted.safetensors new/*
check "the new ones are good" test "$(grep -c "  good$" stdout.txt)" -eq 5
succeeds "no statistics" "${adapt[@]}" --statistics 0 --out same.safetensors
check "leave the weights" cmp <(weights run/model.safetensors) <(weights same.safetensors)
refuses "adapt into the model" "is the file that is read" run "${adapt[@]}" --out run/model.safetensors
refuses "no pictures" "nowhere: there is no such folder" run "${adapt[@]}" --good nowhere

succeeds "train with textures" pfad_train --data tiny --textures paint --teacher random --out seg "${small[@]}" \
    --student-iterations 1 --segmentation-iterations 1 --checkpoint-every 0
adapt=(pfad_adapt --model seg/model.safetensors --good new --statistics 1 --iterations 1 --out seg.safetensors --threads 2)
refuses "adapt without textures" "--textures is required: PFADSeg is trained with them" run "${adapt[@]}"
succeeds "adapt with them" "${adapt[@]}" --textures paint

finish
