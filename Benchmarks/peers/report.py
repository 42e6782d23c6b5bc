"""Medians, ratios, and the two forms of a result."""

import json
import os
import platform
import statistics
import time

OURS = "alluxio-fuse"


def medians(rounds):
    """{measure: {contender: {metric: median}}} of a list of (measure, contender, figures)."""
    collected = {}
    for measure, contender, figures in rounds:
        for metric, value in figures.items():
            collected.setdefault(measure, {}).setdefault(contender, {}).setdefault(metric, []).append(value)
    return {
        measure: {
            contender: {metric: statistics.median(values) for metric, values in metrics.items()}
            for contender, metrics in contenders.items()
        }
        for measure, contenders in collected.items()
    }


def figure(value):
    """A number as a reader wants it."""
    if value >= 100:
        return f"{value:.0f}"
    return f"{value:.1f}" if value >= 10 else f"{value:.2f}"


def markdown(result, conditions):
    """One table per measure; the last column divides by our own figure."""
    lines = ["Conditions: " + "; ".join(f"{key} {value}" for key, value in conditions.items()) + ".", ""]
    for measure, contenders in result.items():
        metrics = list(dict.fromkeys(metric for metrics in contenders.values() for metric in metrics))
        main = metrics[0]
        lines.append(f"### {measure}")
        lines.append("")
        lines.append("| | " + " | ".join(metrics) + f" | {main}, ours = 1 |")
        lines.append("| --- " * (len(metrics) + 2) + "|")
        own = contenders.get(OURS, {}).get(main)
        for contender, values in contenders.items():
            cells = [figure(values[metric]) if metric in values else "–" for metric in metrics]
            ratio = figure(values[main] / own) if own and main in values else "–"
            lines.append(f"| {contender} | " + " | ".join(cells) + f" | {ratio} |")
        lines.append("")
    return "\n".join(lines)


def conditions(arguments):
    """What a reader must know to repeat the run."""
    return {
        "date": time.strftime("%Y-%m-%d %H:%M"),
        "kernel": platform.release(),
        "cores": os.cpu_count(),
        "load before": f"{os.getloadavg()[0]:.1f}",
        "S3 server": f"SeaweedFS, data in memory, filer chunks of {arguments.chunk_mb} MiB",
        "latency": f"{arguments.latency_ms} ms a request",
        "rounds": arguments.rounds,
        "large file": f"{arguments.large_mib} MiB",
        "small files": arguments.small_count,
        "created files": arguments.create_count,
    }


def write(path, result, rounds, facts):
    """Leaves the figures of every round beside the medians."""
    with open(path, "w") as file:
        json.dump(
            {
                "conditions": facts,
                "medians": result,
                "rounds": [
                    {"measure": measure, "contender": name, **figures} for measure, name, figures in rounds
                ],
            },
            file,
            indent=1,
        )
        file.write("\n")
