"""docs/performance.md and its plots."""

import html

from . import targets

FAMILY_TITLES = {"gemm": "Matrix products", "reduced": "Reduced precision", "conv2d": "Convolutions", "lstm": "LSTM", "attention": "Attention",
                 "rowwise": "Row kernels", "models": "Whole models"}


def time_text(us):
    return f"{us:.3g} us" if us < 1000 else f"{us / 1000:.3g} ms" if us < 1e6 else f"{us / 1e6:.3g} s"


def families(store):
    names = {name.split("/")[0] for cases in store["cases"].values() for name in cases}
    return [family for family in FAMILY_TITLES if family in names]


def table(cases, limits):
    """One row a case: limn's median, rate, share of the peak; then each opponent's time over limn's, and errors."""
    others = sorted({who for case in cases.values() for who in case["us"]} - {"limn"})
    lines = ["| case | limn | GFLOP/s | share | " + " | ".join(others) + " | error: limn, others |",
             "|---|---|---|---|" + "---|" * len(others) + "---|"]
    for name, case in sorted(cases.items()):
        us = case["us"]["limn"]
        rate = share = ""
        if case.get("flops"):
            rate = f"{case['flops'] / us * 1e-3:.0f}"
            share = f"{100 * targets.share_of_peak(case, us, limits):.0f} %" if limits else ""
        if case.get("bytes") and limits:
            share = f"{case['bytes'] / us * 1e-3:.1f} GB/s, {100 * case['bytes'] / us * 1e-3 / limits['read_gbs']:.0f} %"
        elif case.get("elements") and not case.get("flops") and limits:
            share = f"{us * 1e3 * limits['ghz'] / case['elements']:.2f} cycles an element"
        ratios = [f"{case['ratio'][who]:.2f}" if who in case["ratio"] else "" for who in others]
        theirs = [value for who, value in case["error"].items() if not who.startswith("limn")]
        errors = f"{case['error']['limn']:.0e}" if "limn" in case["error"] else ""
        errors += f", {min(theirs):.0e} .. {max(theirs):.0e}" if theirs else ""
        lines.append(f"| {name.split('/', 1)[1]} | {time_text(us)} | {rate} | {share} | " + " | ".join(ratios) + f" | {errors} |")
    return lines


def plot(cases, title):
    """A bar a case: the best opponent's time over limn's. Right of the line limn is faster."""
    rows = []
    for name, case in sorted(cases.items()):
        others = {who: ratio for who, ratio in case["ratio"].items() if not who.startswith("limn")}
        if others:
            rows.append((name.split("/", 1)[1], min(others.items(), key=lambda item: item[1])))
    left, width, step = 300, 420, 18
    most = max([2.0] + [best[1] for _, best in rows])
    x = lambda ratio: left + width * min(ratio, most) / most
    height = 50 + step * len(rows)
    parts = [f'<svg xmlns="http://www.w3.org/2000/svg" width="{left + width + 190}" height="{height}" font-family="sans-serif" '
             f'font-size="11"><rect width="100%" height="100%" fill="white"/>'
             f'<text x="10" y="20" font-size="14">{html.escape(title)}: time of the best opponent / time of limn</text>']
    for i, (name, (who, ratio)) in enumerate(rows):
        y = 40 + step * i
        color = "#2a7f5f" if ratio >= 1 else "#b5532a"
        parts.append(f'<text x="{left - 6}" y="{y + 10}" text-anchor="end">{html.escape(name)}</text>'
                     f'<rect x="{left}" y="{y}" width="{x(ratio) - left:.1f}" height="{step - 5}" fill="{color}"/>'
                     f'<text x="{x(ratio) + 5:.1f}" y="{y + 10}">{ratio:.2f} {html.escape(who)}</text>')
    parts.append(f'<line x1="{x(1):.1f}" x2="{x(1):.1f}" y1="30" y2="{height - 8}" stroke="black" stroke-dasharray="3 3"/></svg>')
    return "".join(parts) + "\n"


def page(store, rows):
    machine, limits = store["machine"], store["limits"]
    stamps = sorted({(case["date"], case["commit"]) for cases in store["cases"].values() for case in cases.values()})
    lines = ["# Performance", "",
             "Written by `benchmarks/report`; [benchmarks/README.md](../benchmarks/README.md) says how a case is timed. Ratios are "
             "an opponent's time over limn's within one process and round (median): above 1 limn is faster. The error is the largest "
             "difference from a double reference over the largest value, on samples. A rate counts the operations of the direct "
             "algorithm, so that Winograd's can be above the peak. \"+nchw\" adds oneDNN's ways from and to plain layouts, which "
             "limn's times always contain. A share is of the multiply-add peak that the same run measured in each round, since the clock moves.", ""]
    if stamps:
        lines += [f"Machine: {machine.get('processor')} (family {machine.get('family')}, model {machine.get('model')}, "
                  f"{machine.get('cores')} cores), {machine.get('system')}; PyTorch {machine.get('torch')} (PyPI; freed memory kept, "
                  f"`MALLOC_TRIM_THRESHOLD_`); oneDNN, OpenBLAS, BLIS, Eigen of Debian 12. Measured from {stamps[0][0]} "
                  f"({stamps[0][1]}) to {stamps[-1][0]} ({stamps[-1][1]}).", ""]
    if machine.get("note"):
        lines += [machine["note"], ""]
    if limits:
        lines += ["| threads | multiply-add peak | with AVX2 | memory, read | clock |", "|---|---|---|---|---|"]
        lines += [f"| {t} | {v['gflops']:.0f} GFLOP/s | {v['gflops_avx2']:.0f} | {v['read_gbs']:.0f} GB/s | {v['ghz']:.2f} GHz |"
                  for t, v in sorted(limits.items())] + [""]
    lines += ["## Targets", "", "| | work | opponent (best) | measured | error |", "|---|---|---|---|---|"]
    lines += [f"| {row.status()} | {row.target.work} | {(row.opponents or row.target.against).replace('|', ' or ').replace(chr(92), '')} | "
              f"{'; '.join(part[4] for part in row.parts) or row.note} | {row.note if row.parts else ''} |" for row in rows]
    lines += ["", f"missed: {sum(row.missed() for row in rows)} of {len(rows)}"
              f" ({sum(not row.parts for row in rows)} of them not measured)", ""]
    for family in families(store):
        lines += ["## " + FAMILY_TITLES[family], ""]
        for threads in sorted(store["cases"]):
            cases = {name: case for name, case in store["cases"][threads].items() if name.split("/")[0] == family}
            if cases:
                lines += [f"{threads} thread{'s' if threads != '1' else ''}:", "", *table(cases, limits.get(threads, {})), ""]
        lines += [f"![{FAMILY_TITLES[family]}](performance/{family}.svg)", ""]
    return "\n".join(lines)


def write(store, rows, docs):
    (docs / "performance").mkdir(parents=True, exist_ok=True)
    for family in families(store):
        cases = {name: case for name, case in store["cases"].get("1", {}).items() if name.split("/")[0] == family}
        (docs / "performance" / f"{family}.svg").write_text(plot(cases, FAMILY_TITLES[family] + ", 1 thread"))
    (docs / "performance.md").write_text(page(store, rows))
