#!/usr/bin/env bash
# Times pfad beside the same network in PyTorch, on the same machine and in the same run.
#   bench/compare.sh <bench_torch.py> [rounds] [steps] [filter]
# bench_torch.py takes --device --threads --size --batch --repeat --jobs --destseg and prints a JSON
# line with ms and min_ms for each job (infer, stage1, stage2). Each of `rounds` (3) rounds runs
# both in turn, a process each, `steps` (5) warm steps a process. `filter` is a regular expression
# on the names of the cases. BUILD (build/release) and PYTHON (/usr/bin/python3) can be set in the
# environment. Both use a thread for each processor that they may run on: taskset gives them fewer.
set -euo pipefail
cd "$(dirname "$0")/.."
peer=${1:-}
python=${PYTHON:-/usr/bin/python3}
programs=${BUILD:-build/release}/bin

die() {
    echo "compare.sh: $1" >&2
    exit 2
}
[[ -n $peer ]] || die "give the path of bench_torch.py"
[[ -f $peer ]] || die "$peer is not there"
for program in bench_train_step bench_inspect; do
    [[ -x $programs/$program ]] ||
        die "$programs/$program is missing: cmake --build --preset release --target $program"
done
[[ -x $python ]] || die "$python is missing"
"$python" -c 'import torch' 2>/dev/null ||
    die "$python has no torch module: install python3-torch, or set PYTHON"

exec "$python" - "$peer" "$programs" "${2:-3}" "${3:-5}" "${4:-.}" <<'EOF'
import json, os, re, statistics, subprocess, sys, tempfile

peer, programs, rounds, steps, wanted = sys.argv[1:]
rounds, steps = int(rounds), int(steps)
threads = str(len(os.sched_getaffinity(0)))

# Name of the case, pfad's program and benchmark, the peer's options.
cases = [(f"{job} {size} x {size}, batch {batch}", "bench_train_step", f"^{job}/size:{size}/batch:{batch}/",
          ["--jobs", job, "--size", size, "--batch", batch])
         for size, batch in (("256", "16"), ("128", "8")) for job in ("stage1", "stage2")]
cases += [(f"inspect {kind}, batch {batch}", "bench_inspect", f"^inspect/{kind}/size:256/batch:{batch}/",
           ["--jobs", "infer", "--size", "256", "--batch", batch] + (["--destseg"] if kind == "all_off" else []))
          for kind in ("all_on", "all_off") for batch in ("1", "16")]


def run(command):
    """Standard output and the peak memory of one process in bytes."""
    with tempfile.TemporaryFile() as out:
        process = subprocess.Popen(command, stdout=out, stderr=subprocess.DEVNULL)
        _, status, use = os.wait4(process.pid, 0)
        if status:
            sys.exit(f"compare.sh: {' '.join(command)} failed")
        out.seek(0)
        return out.read().decode(), 1024 * use.ru_maxrss


def run_pfad(program, name, _):
    out, peak = run([f"{programs}/{program}", f"--benchmark_filter={name}", f"--benchmark_repetitions={steps}",
                     "--benchmark_format=json"])
    ms = [b["real_time"] for b in json.loads(out)["benchmarks"] if b["run_type"] == "iteration"]
    return statistics.median(ms), min(ms), peak


def run_peer(program, name, options):
    out, peak = run([sys.executable, peer, "--device", "cpu", "--threads", threads, "--repeat", str(steps)] + options)
    found = json.loads(out.splitlines()[-1])
    return found["ms"], found["min_ms"], peak


print(f"{rounds} rounds of {steps} steps, {threads} threads; ms a step; ratio: PyTorch / pfad")
print(f"{'':30}{'median':>24}{'':8}{'minimum':>24}{'':8}{'peak MiB':>16}")
print(f"{'':30}{'pfad':>12}{'PyTorch':>12}{'ratio':>8}{'pfad':>12}{'PyTorch':>12}{'ratio':>8}{'pfad':>8}{'PyTorch':>8}")
for title, *case in cases:
    if not re.search(wanted, title):
        continue
    ours, theirs = [], []
    for _ in range(rounds):
        ours.append(run_pfad(*case))
        theirs.append(run_peer(*case))
    a, b = [(statistics.median(r[0] for r in x), min(r[1] for r in x), max(r[2] for r in x) / 2**20)
            for x in (ours, theirs)]
    print(f"{title:30}{a[0]:12.1f}{b[0]:12.1f}{b[0] / a[0]:8.2f}{a[1]:12.1f}{b[1]:12.1f}{b[1] / a[1]:8.2f}"
          f"{a[2]:8.0f}{b[2]:8.0f}", flush=True)
EOF
