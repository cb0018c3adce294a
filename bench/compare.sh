#!/usr/bin/env bash
# Times pfad beside the same network in its peers, on the same machine and in the same run.
#   bench/compare.sh <bench_torch.py> [rounds] [steps] [filter]
# bench_torch.py takes --device --dtype --threads --size --batch --repeat --jobs --destseg --compile and
# prints a JSON line with peer, ms and min_ms for each job (infer, stage1, stage2). Each of `rounds` (3)
# rounds runs pfad and every peer in turn, a process each, `steps` (5) warm steps a process. `filter` is a
# regular expression on the names of the cases. BUILD (build/release), PYTHON (/usr/bin/python3) and PEERS
# (build/python, which scripts/setup_python.sh fills) can be set in the environment. The peers are PyTorch of
# PYTHON and of PEERS, that of PEERS compiled as well, and for inspection ONNX Runtime and OpenVINO. A peer
# that fails is named and left out. All use a thread for each processor that they may run on: taskset gives
# them fewer.
set -euo pipefail
cd "$(dirname "$0")/.."
peer=${1:-}
python=${PYTHON:-/usr/bin/python3}
peers=${PEERS:-build/python}/bin/python
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
[[ -z ${PEERS:-} || -x $peers ]] || die "$peers is missing: scripts/setup_python.sh $PEERS"
has() { "$1" -c "import importlib.util as u, sys; sys.exit(u.find_spec('$2') is None)" 2>/dev/null; }
found=()
if [[ $python != "$peers" ]] && has "$python" torch; then found+=(torch); fi
if [[ -x $peers ]]; then
    for name in torch onnxruntime openvino; do
        if has "$peers" "$name"; then found+=("peers_$name"); fi
    done
fi
[[ ${found[*]} == *torch* ]] ||
    die "$python has no torch module: install python3-torch, or set PYTHON, or run scripts/setup_python.sh"

exec "$python" - "$peer" "$programs" "$python" "$peers" "${found[*]}" "${2:-3}" "${3:-5}" "${4:-.}" <<'EOF'
import json, os, re, statistics, subprocess, sys, tempfile, time

peer, programs, python, peers_python, found, rounds, steps, wanted = sys.argv[1:]
found, rounds, steps = found.split(), int(rounds), int(steps)
threads = str(len(os.sched_getaffinity(0)))
# What PyTorch is fastest with: buffers stay mapped; compiled, weights are constants where no gradient is wanted.
mapped = {"MALLOC_MMAP_MAX_": "0", "MALLOC_TRIM_THRESHOLD_": "17179869184"}
frozen = {"TORCHINDUCTOR_FREEZING": "1"}

# Name of the case, pfad's program and benchmark, the peers' options.
cases = [(f"{job} {size} x {size}, batch {batch}", "bench_train_step", f"{job}/size:{size}/batch:{batch}/",
          ["--jobs", job, "--size", size, "--batch", batch])
         for size, batch in (("256", "16"), ("128", "8")) for job in ("stage1", "stage2")]
cases += [(f"{bench} {kind}, batch {batch}", "bench_inspect", f"{bench}/{kind}/size:256/batch:{batch}/",
           ["--jobs", "infer", "--size", "256", "--batch", batch] + options)
          for bench, kind, options in (("inspect", "all_on", []), ("inspect", "all_off", ["--destseg"]),
                                       ("inspect_bf16", "all_on", ["--dtype", "bfloat16"]))
          for batch in ("1", "16")]


def say(name, *columns):
    print(f"  {name:32}" + "".join(f"{column:>12}" for column in columns), flush=True)


def busy():
    """Seconds that all processors worked, for anyone."""
    with open("/proc/stat") as stat:
        user, nice, system, _, _, *rest = map(int, stat.readline().split()[1:9])
    return (user + nice + system + sum(rest)) / os.sysconf("SC_CLK_TCK")


def run(command, settings={}):
    """Standard output of one process, its peak memory in bytes, and the processors that others kept busy
    meanwhile; RuntimeError with its last word."""
    with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as words:
        start, before = time.monotonic(), busy()
        process = subprocess.Popen(command, stdout=out, stderr=words, env={**os.environ, **settings})
        _, status, use = os.wait4(process.pid, 0)
        foreign = (busy() - before - use.ru_utime - use.ru_stime) / (time.monotonic() - start)
        out.seek(0)
        words.seek(0)
        if status:
            raise RuntimeError((words.read().decode().splitlines() or [f"{' '.join(command)} failed"])[-1])
        return out.read().decode(), 1024 * use.ru_maxrss, max(foreign, 0)


def run_pfad(program, name):
    try:
        out, *rest = run([f"{programs}/{program}", f"--benchmark_filter=^{name}", f"--benchmark_repetitions={steps}",
                         "--benchmark_format=json"])
    except RuntimeError as error:
        sys.exit(f"compare.sh: {program}: {error}")
    ms = [b["real_time"] for b in json.loads(out)["benchmarks"] if b["run_type"] == "iteration"]
    return statistics.median(ms), min(ms), *rest


def run_peer(command, settings):
    """The peer's name and its figures."""
    out, *rest = run(command + ["--threads", threads, "--repeat", str(steps)], settings)
    line = json.loads(out.splitlines()[-1])
    return line["peer"] + (" compiled" if "--compile" in command else ""), (line["ms"], line["min_ms"], *rest)


def commands(options):
    """What runs each peer of a case, and its settings."""
    torch = [peer, "--device", "cpu"] + options
    if "torch" in found:
        yield [python] + torch, mapped
    if "peers_torch" in found:
        yield [peers_python] + torch, mapped
        yield [peers_python] + torch + ["--compile"], {**mapped, **frozen}
    if "infer" in options:
        for runtime in ("onnxruntime", "openvino"):
            if f"peers_{runtime}" in found and not (runtime == "onnxruntime" and "bfloat16" in options):
                command = [peers_python, "bench/peer_runtimes.py", peer, "--runtime", runtime]
                yield command + [o for o in options if o not in ("--jobs", "infer")], {}


def settings_text(settings):
    return " ".join(f"{name}={value}" for name, value in settings.items())


print(f"{rounds} rounds of {steps} steps, {threads} threads; ms a step; ratio: the peer / pfad, of medians; "
      "foreign: processors that others kept busy")
print(f"PyTorch runs with {settings_text(mapped)}" +
      (f", compiled with {settings_text(frozen)}" if "peers_torch" in found else ""))
failed = False
for title, program, name, options in cases:
    if not re.search(wanted, title):
        continue
    print(title)
    say("", "median", "minimum", "peak MiB", "foreign", "ratio")
    listed, *_ = run([f"{programs}/{program}", f"--benchmark_filter=^{name}", "--benchmark_list_tests"])
    ours, theirs, left = [], {}, list(commands(options))
    for command, settings in left:
        if "--runtime" in command:  # exports the network in a process that is not measured
            subprocess.run(command + ["--prepare"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    for _ in range(rounds):
        if name in listed:
            ours.append(run_pfad(program, name))
        for attempt in list(left):
            try:
                label, figures = run_peer(*attempt)
                theirs.setdefault(label, []).append(figures)
            except RuntimeError as error:
                print(f"  left out, for it failed: {' '.join(attempt[0])}: {error}", flush=True)
                left.remove(attempt)
                failed = True
    rows = {label: (statistics.median(r[0] for r in x), min(r[1] for r in x), max(r[2] for r in x) / 2**20,
                    max(r[3] for r in x))
            for label, x in ([("pfad", ours)] if ours else []) + list(theirs.items())}
    pfad = rows.get("pfad")
    for label, row in rows.items():
        say(label, *[f"{row[i]:.{digits}f}" for i, digits in enumerate((1, 1, 0, 2))],
            f"{row[0] / pfad[0]:.2f}" if pfad and label != "pfad" else "")
    rows.pop("pfad", None)
    fastest = min(rows, key=lambda label: rows[label][0], default=None)
    if not pfad:
        print(f"  pfad is left out: {program} has no benchmark {name}")
    elif fastest:
        print(f"  the fastest peer, {fastest}, takes {rows[fastest][0] / pfad[0]:.2f} times as long as pfad")
sys.exit(failed)
EOF
