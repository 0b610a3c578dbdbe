"""Runs the benchmark programs and keeps what they say."""

import dataclasses
import json
import os
import pathlib
import platform
import re
import subprocess
import sys
import time

FAMILIES = {"gemm": "bench.ops.gemm", "conv2d": "bench.ops.conv2d", "depthwise": "bench.ops.depthwise",
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
    if file.exists():
        return json.loads(file.read_text())
    return {"machine": {}, "limits": {}, "cases": {}}


def save(store, file):
    file.parent.mkdir(parents=True, exist_ok=True)
    whole = file.with_suffix(".new")
    whole.write_text(json.dumps(store, indent=1, sort_keys=True) + "\n")
    whole.replace(file)


def parse(text):
    """Google Benchmark's JSON -> {case: {"us": {contender: time}, "ratio": .., "error": .., "flops": ..}}. Cases that the
    program left out for want of time are not in it."""
    cases = {}
    for entry in json.loads(text)["benchmarks"]:
        if entry.get("error_occurred"):
            continue
        case = {"us": {}, "ratio": {}, "error": {}}
        for key, value in entry.items():
            contender, _, what = key.rpartition(":")
            if contender and what in case:
                case[what][contender] = value
            elif key in ("flops", "bytes", "elements", "rounds"):
                case[key] = value
        name = entry["name"]
        cases[name[:-len(SUFFIX)] if name.endswith(SUFFIX) else name] = case
    return cases


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


def git(*arguments):
    return subprocess.run(["git", *arguments], capture_output=True, text=True, cwd=pathlib.Path(__file__).parent).stdout.strip()


def measure(store, plan):
    start = time.monotonic()
    left = lambda: plan.budget - (time.monotonic() - start)
    programs = plan.build / "benchmarks"
    store["machine"] = describe_machine()
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
    command = [*base, f"--case_seconds={plan.case_seconds}", f"--limit_seconds={seconds:.1f}", "--benchmark_format=json",
               "--benchmark_filter=^(" + "|".join(re.escape(name) for name in missing) + ")$"]
    result = subprocess.run(command, capture_output=True, text=True, env=env,
                            preexec_fn=lambda: os.sched_setaffinity(0, cores(threads)))
    if result.returncode != 0:
        print(f"{family}: {program.name} failed: {result.stderr.strip()[-500:]}")
        return
    if result.stderr.strip():
        print(result.stderr.strip()[-500:])
    stamp = {"commit": git("rev-parse", "--short", "HEAD"), "date": time.strftime("%Y-%m-%d %H:%M")}
    for name, case in parse(result.stdout).items():
        done[name] = {**case, **stamp}
    save(store, plan.file)
    print(f"{family}, {threads} thread{'s' * (threads > 1)}: {len(missing)} cases wanted, "
          f"{sum(name.removesuffix(SUFFIX) in done for name in wanted)} of {len(wanted)} there")
