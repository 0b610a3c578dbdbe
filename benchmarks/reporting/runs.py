"""Runs the benchmark programs and keeps what they say."""

import ctypes
import dataclasses
import json
import os
import pathlib
import platform
import re
import subprocess
import sys
import time

FAMILIES = {"gemm": "bench.ops.gemm", "reduced": "bench.ops.reduced_precision",
            "conv2d": "bench.ops.conv2d", "depthwise": "bench.ops.depthwise",
            "lstm": "bench.ops.lstm", "attention": "bench.ops.attention", "rowwise": "bench.ops.rowwise",
            "models": "bench.models.models"}
SUFFIX = "/iterations:1/manual_time"


@dataclasses.dataclass
class Plan:
    build: pathlib.Path
    file: pathlib.Path
    families: list
    threads: list
    filter: str = ""
    quick: bool = False
    budget: float = 1e9
    fresh: bool = False
    case_seconds: float = 1.0


def load(file):
    store = json.loads(file.read_text()) if file.exists() else {"machine": {}, "limits": {}, "cases": {}}
    merge(store, file)
    return store


def save(store, file):
    file.parent.mkdir(parents=True, exist_ok=True)
    whole = file.with_suffix(".new")
    whole.write_text(json.dumps(store, indent=1, sort_keys=True) + "\n")
    whole.replace(file)


def parse(text):
    """The lines of --results -> {threads: {case: {"us": {contender: time}, "ratio": .., "error": .., "flops": ..}}}. A last line
    that was cut short is left out."""
    found = {}
    for line in text.splitlines():
        try:
            entry = json.loads(line)
        except ValueError:
            continue
        case = {"us": {}, "ratio": {}, "error": {}}
        for key, value in entry.items():
            contender, _, what = key.rpartition(":")
            if contender and what in case:
                case[what][contender] = value
            elif key in ("flops", "bytes", "elements", "rounds", "peak"):
                case[key] = value
        found.setdefault(str(entry["threads"]), {})[entry["name"]] = case
    return found


def lines_of(file):
    """Where the programs append their results, until they are merged into the store."""
    return file.with_suffix(".lines")


def merge(store, file):
    lines = lines_of(file)
    if not lines.exists():
        return
    stamp = {"commit": git("rev-parse", "--short", "HEAD"),
             "date": time.strftime("%Y-%m-%d %H:%M", time.localtime(lines.stat().st_mtime))}
    for threads, cases in parse(lines.read_text()).items():
        for name, case in cases.items():
            store["cases"].setdefault(threads, {})[name] = {**case, **stamp}
    save(store, file)
    lines.unlink()


def escape(name):
    """For POSIX expressions, which know no escaped hyphen."""
    return re.sub(r"([.+*?()\[\]^$|\\])", r"\\\1", name)


def cores(threads):
    """The first cores of this process, as many as there are threads."""
    return set(sorted(os.sched_getaffinity(0))[:threads])


def environment(limits):
    """What makes each opponent as fast as it can be here."""
    env = dict(os.environ)
    one = limits.get("1") or next(iter(limits.values()), {})
    wide = one.get("gflops", 0) > 1.5 * one.get("gflops_avx2", 1e9)  # 64-byte units: the AVX-512 kernels are the faster ones
    env.setdefault("OPENBLAS_CORETYPE", "SkylakeX" if wide else "Haswell")
    if wide:
        env.setdefault("BLIS_ARCH_TYPE", "skx")
    if "BENCH_PYTHON" not in env:
        probe = subprocess.run([sys.executable, "-c", "import torch; print(torch.__version__)"], capture_output=True, text=True)
        if probe.returncode == 0:
            env["BENCH_PYTHON"] = sys.executable
        else:
            print("torch: not found by", sys.executable, "- skipped (set PYTHONPATH, or BENCH_PYTHON to another Python)")
    return env


def torch_version(env):
    if "BENCH_PYTHON" not in env:
        return "absent"
    probe = subprocess.run([env["BENCH_PYTHON"], "-c", "import torch; print(torch.__version__)"], capture_output=True, text=True,
                           env=env)
    return probe.stdout.strip() or "absent"


def describe_machine():
    text = pathlib.Path("/proc/cpuinfo").read_text() if pathlib.Path("/proc/cpuinfo").exists() else ""
    find = lambda key: (re.search(key + r"\s*:\s*(.*)", text) or [None, "?"])[1]
    return {"processor": find("model name"), "family": find("cpu family"), "model": find("\nmodel"),
            "cores": os.cpu_count(), "system": platform.platform()}


def prepare_child(threads):
    """Pinned, and ended when this program is."""
    os.sched_setaffinity(0, cores(threads))
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(1, 9)  # PR_SET_PDEATHSIG, SIGKILL


def git(*arguments):
    return subprocess.run(["git", *arguments], capture_output=True, text=True, cwd=pathlib.Path(__file__).parent).stdout.strip()


def measure(store, plan):
    start = time.monotonic()
    left = lambda: plan.budget - (time.monotonic() - start)
    programs = plan.build / "benchmarks"
    store["machine"].update(describe_machine())
    for threads in plan.threads:
        if str(threads) not in store["limits"] or plan.fresh:
            with_cores = lambda: os.sched_setaffinity(0, cores(threads))
            out = subprocess.run([programs / "bench.machine", str(threads)], check=True, capture_output=True, text=True,
                                 preexec_fn=with_cores).stdout
            store["limits"][str(threads)] = json.loads(out)
            save(store, plan.file)
    env = environment(store["limits"])
    store["machine"]["torch"] = torch_version(env)
    for threads in plan.threads:
        if len(cores(threads)) < threads:
            print(f"{threads} threads: this process may use {len(cores(threads))} cores: left out")
            continue
        done = store["cases"].setdefault(str(threads), {})
        for family in plan.families:
            if left() < 1:
                return
            run_family(store, done, plan, family, threads, env, left())


def run_family(store, done, plan, family, threads, env, seconds):
    program = plan.build / "benchmarks" / FAMILIES[family]
    if not program.exists():
        print(f"{family}: {program} is not built: left out")
        return
    base = [program, f"--threads={threads}", f"--quick={int(plan.quick)}"]
    names = subprocess.run([*base, "--benchmark_list_tests=true"], check=True, capture_output=True, text=True, env=env).stdout
    wanted = [name for name in names.split() if re.search(plan.filter, name)]
    missing = [name for name in wanted if plan.fresh or name.removesuffix(SUFFIX) not in done]
    if not missing:
        return
    command = [*base, f"--case_seconds={plan.case_seconds}", f"--limit_seconds={seconds:.1f}", f"--results={lines_of(plan.file)}",
               "--benchmark_filter=^(" + "|".join(map(escape, missing)) + ")$"]
    plan.file.parent.mkdir(parents=True, exist_ok=True)
    result = subprocess.run(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, env=env,
                            preexec_fn=lambda: prepare_child(threads))
    said = [line for line in result.stderr.splitlines() if re.search("(?i)torch:|error|fail|could not|no match", line)]
    if result.returncode != 0 or said:
        print(f"{family}: exit code {result.returncode}: " + "; ".join(said)[-500:])
    merge(store, plan.file)
    print(f"{family}, {threads} thread{'s' * (threads > 1)}: {len(missing)} cases wanted, "
          f"{sum(name.removesuffix(SUFFIX) in done for name in wanted)} of {len(wanted)} there")
