"""Where and how long: pinning, single and batch times, the machine."""

import os
import platform
import time
from pathlib import Path

import numpy as np


def pin(core, thread_count=1):
    """Keeps this process and what it starts on as many cores as threads, from `core` on."""
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, range(core, core + thread_count))


def time_single(search, count, pass_count=1):
    """Milliseconds of `search(i)` for every i below `count`, and the share of it this thread ran.

    Of several passes over all queries the median of each query counts; later passes find warm
    caches. The share is 1 on an idle machine; below it, other work took the core.
    """
    result = np.empty((pass_count, count))
    wall, cpu = time.perf_counter_ns(), time.thread_time_ns()
    for times in result:
        for i in range(count):
            start = time.perf_counter_ns()
            search(i)
            times[i] = (time.perf_counter_ns() - start) / 1e6
    busy = (time.thread_time_ns() - cpu) / max(1, time.perf_counter_ns() - wall)
    return np.median(result, axis=0), busy


def time_batch(search_all, count):
    start = time.perf_counter_ns()
    search_all()
    return (time.perf_counter_ns() - start) / 1e6 / count


def summary(milliseconds):
    return {
        "medianMs": float(np.median(milliseconds)),
        "p95Ms": float(np.percentile(milliseconds, 95)),
        "meanMs": float(np.mean(milliseconds)),
    }


def machine():
    """What a reader needs to place the figures; nothing that names the machine."""
    facts = {
        "system": platform.system(),
        "architecture": platform.machine(),
        "cores": os.cpu_count(),
    }
    cpu = Path("/proc/cpuinfo")
    if cpu.exists():
        lines = dict(
            (part.strip() for part in line.split(":", 1))
            for line in cpu.read_text().split("\n\n")[0].splitlines()
            if ":" in line
        )
        facts["cpu"] = lines.get("model name", "unknown")
        wanted = ("popcnt", "avx2", "avx512_vpopcntdq")
        facts["features"] = [name for name in wanted if name in lines.get("flags", "").split()]
    cache = Path("/sys/devices/system/cpu/cpu0/cache/index3/size")
    if cache.exists():
        facts["lastLevelCache"] = cache.read_text().strip()
    if hasattr(os, "sysconf"):
        facts["memoryGiB"] = round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30)
    pages = Path("/sys/kernel/mm/transparent_hugepage/enabled")
    if pages.exists():
        facts["hugePages"] = pages.read_text().split("[")[1].split("]")[0]
    return facts


def package_versions():
    from importlib.metadata import PackageNotFoundError, version

    found = {"python": platform.python_version()}
    for name in ("numpy", "faiss-cpu", "usearch"):
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            found[name] = "absent"
    return found
