"""Plays every attack against one keyed node with three tenants while a well-behaved neighbour chats, and holds the bounds.

For each attack it prints how far the node grew, the neighbour's p99 beside it against the neighbour's own p99 alone
just before, the longest stall of an async worker, and what was computed and charged.

`python run.py [--seconds N] [NAME..]`: NAME is a part of an attack's name.
"""

import argparse
import json
import math
import multiprocessing
import pathlib
import subprocess
import sys
import tempfile
import time
import traceback

from attacks import Keys, administrator, anonymous, caller, operators
from node import ATTACKER, NEIGHBOUR, Node
from tools import step_back

NEIGHBOUR_PROGRAM = pathlib.Path(__file__).with_name("neighbour.py")
P99_RATIO_MAX = 2.0
# A neighbour that is answered faster than this alone is compared with this: the kernel's scheduler works in such ticks.
P99_FLOOR_MS = 4.0
STALL_BUCKET = "0.05"


def quantile(times, share):
    ordered = sorted(times)
    return ordered[min(len(ordered) - 1, math.ceil(share * len(ordered)) - 1)] if ordered else math.nan


class Neighbour:
    """Measures while it is open."""

    def __init__(self, node, key, seconds):
        command = [sys.executable, str(NEIGHBOUR_PROGRAM), f"ws://127.0.0.1:{node.port}", key, str(seconds)]
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE)

    def result(self):
        output, _ = self.process.communicate(timeout=600)
        assert self.process.returncode == 0, "the neighbour lost its connection"
        measured = json.loads(output)
        assert not measured["errors"], f"the neighbour got errors: {measured['errors'][:3]}"
        return {function: quantile(times, 0.99) for function, times in measured["times"].items()}


def stalls(node):
    """Heartbeats in all, and those that came at most 50 ms late."""
    metrics = node.metrics()
    bucket = [value for name, value in metrics.items()
              if name.startswith("realm_worker_stall_seconds_bucket") and f'le="{STALL_BUCKET}"' in name]
    assert bucket, "the node has no metric realm_worker_stall_seconds with a bucket of 50 ms"
    return metrics["realm_worker_stall_seconds_count"], bucket[0]


def play(attack, node_facts, keys, seconds, outcome):
    """Runs in a process of its own, so that the attacker's interpreter is not the harness's."""
    step_back()
    try:
        outcome.put((True, attack.run(node_facts, keys, seconds)))
    except Exception as error:
        outcome.put((False, f"{error!r}" if str(error) else traceback.format_exc()))


def engine_tokens(node):
    return sum(value for name, value in node.metrics().items() if name.startswith("realm_engine_tokens_total"))


def charged_tokens(node):
    return sum(value for name, value in node.metrics().items()
               if name.startswith("realm_charged_tokens_total") and 'kind="cached"' not in name)


def measure(attack, node, keys, neighbour_key, seconds):
    problems = []
    alone = Neighbour(node, neighbour_key, seconds).result()
    before, stalls_before, engine_before, charged_before = node.resident_bytes(), stalls(node), engine_tokens(node), charged_tokens(node)
    node.reset_peak()
    neighbour = Neighbour(node, neighbour_key, seconds + 1)
    outcome = multiprocessing.Queue()
    attacker = multiprocessing.Process(target=play, args=(attack, node, keys, seconds, outcome))
    attacker.start()
    went_well, word = outcome.get(timeout=600)
    attacker.join(60)
    beside = neighbour.result()
    if not node.is_alive():
        raise SystemExit(f"{attack.name}: the node ended\n{node.log()[-2000:]}")
    if not went_well:
        problems.append(word)
    growth = node.resident_bytes_peak() - before
    stalls_after = stalls(node)
    late = (stalls_after[0] - stalls_after[1]) - (stalls_before[0] - stalls_before[1])
    ratios = {function: beside[function] / max(alone[function], P99_FLOOR_MS) for function in alone}
    if attack.growth_bytes_max is not None and growth > attack.growth_bytes_max:
        problems.append(f"grew by {growth >> 20} MiB, the bound is {attack.growth_bytes_max >> 20}")
    if late:
        problems.append(f"{late:.0f} worker stalls over 50 ms")
    for function, ratio in ratios.items():
        if ratio > P99_RATIO_MAX:
            problems.append(f"p99 of {function}: {alone[function]:.1f} ms alone, {beside[function]:.1f} ms beside it")
    columns = " ".join(f"{alone[f]:7.1f} {beside[f]:7.1f} {ratios[f]:5.2f}" for f in ("health_check", "chat"))
    print(f"{attack.name:<46} {growth / 2**20:>8.1f} {columns} {late:>6.0f} {engine_tokens(node) - engine_before:>8.0f} "
          f"{charged_tokens(node) - charged_before:>8.0f}  {'FAILED' if problems else 'ok'}", flush=True)
    print(f"    {attack.finding}: {word}", flush=True)
    for problem in problems:
        print(f"    FAILED: {problem}", flush=True)
    return not problems


def wait_until_idle(node):
    end = time.monotonic() + 60
    while time.monotonic() < end:
        status = node.rpc("realm_status")["result"]
        if not (status["calls_running"] or status["calls_waiting"] or any(model["jobs"] for model in status["models"])):
            return
        time.sleep(0.2)


def groups():
    yield "without a key", anonymous.ATTACKS, None
    yield "with a caller's key", caller.ATTACKS, None
    yield "with an administrator's key", administrator.ATTACKS, administrator.put_in_force


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--seconds", type=float, default=6.0)
    parser.add_argument("names", nargs="*")
    arguments = parser.parse_args()
    chosen = lambda name: not arguments.names or any(part in name for part in arguments.names)
    failed = []
    with tempfile.TemporaryDirectory() as folder:
        node = Node(folder)
        try:
            keys = Keys(call=node.make_key(ATTACKER, "call"), admin=node.make_key(ATTACKER, "admin"))
            neighbour_key = node.make_key(NEIGHBOUR, "call")
            Neighbour(node, neighbour_key, arguments.seconds).result()
            print(f"{'':<46} {'growth':>8} {'health_check p99, ms':>21} {'chat p99, ms':>21} {'stalls':>6} {'computed':>8} {'charged':>8}")
            print(f"{'':<46} {'MiB':>8} {'alone  beside ratio':>21} {'alone  beside ratio':>21} {'>50ms':>6} {'tokens':>8} {'tokens':>8}")
            for title, attacks, prepare in groups():
                print(f"\n{title}")
                if prepare:
                    prepare(node, keys)
                for attack in attacks:
                    if chosen(attack.name):
                        if not measure(attack, node, keys, neighbour_key, arguments.seconds):
                            failed.append(attack.name)
                        wait_until_idle(node)
        finally:
            node.stop()
    print("\nby the author of a model, users of the machine, pages and proxies")
    for check in operators.CHECKS:
        name = check.__doc__
        if not chosen(name):
            continue
        with tempfile.TemporaryDirectory() as folder:
            try:
                print(f"{name:<78} ok: {check(pathlib.Path(folder))}", flush=True)
            except AssertionError as error:
                failed.append(name)
                print(f"{name:<78} FAILED: {error}", flush=True)
    if failed:
        sys.exit(f"{len(failed)} failed: " + "; ".join(failed))


if __name__ == "__main__":
    main()
