"""Runs `realm bench` and llama.cpp in turns on the same files and prints ratios of medians.

    python compare.py --realm PATH --models FOLDER/tinyllama-q8_0.gguf .. --rounds 3 --threads 2
"""

import argparse
import json
import subprocess
import sys
from pathlib import Path
from statistics import median

HERE = Path(__file__).parent


def run(command: list[str]) -> dict:
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode:
        sys.exit(f"{' '.join(command)}\n{done.stderr.strip()[-2000:]}")
    return json.loads(done.stdout)


def measure(args, path: str) -> dict:
    same = ["--model", path, "--threads", str(args.threads), "--tokens", str(args.tokens), "--prompt-tokens", str(args.prompt_tokens)]
    streams = ["--streams", ",".join(map(str, args.streams))]
    once = [args.realm, "bench", "--rounds", "1", "--no-dispatch", "--json", *same]
    ours, theirs, shared = [], [], []
    most = str(max(args.streams))
    for _ in range(args.rounds):
        ours.append(run([*once, *streams]))
        if most != "1":
            # The same number of streams, all of one tenant.
            shared.append(run([*once, "--streams", most, "--through", "runtime", "--one-tenant"]))
        theirs.append(run([sys.executable, str(HERE / "peer.py"), *same, *streams]))
    found = {"model": Path(path).stem, "read_gb_per_second": median(one["read_bytes_per_second"] for one in ours) / 1e9, "figures": []}

    def row(what: str, ours_of, theirs_of, layer: str):
        mine, peers = median(map(ours_of, ours)), median(map(theirs_of, theirs))
        found["figures"].append({"what": what, "layer": layer, "realm": mine, "llama.cpp": peers, "ratio": mine / peers})

    for layer in ours[0]["layers"]:
        of = lambda one, layer=layer: one["layers"][layer]
        row(f"prefill {args.prompt_tokens}", lambda one, of=of: of(one)["prefill_tokens_per_second"], lambda one: one["prefill_tokens_per_second"], layer)
        for n in args.streams:
            row(f"decode, {n} streams", lambda one, of=of, n=n: of(one)["decode"][str(n)]["tokens_per_second"], lambda one, n=n: one["decode"][str(n)], layer)
    found["resident_of_file"] = median(one["resident_bytes"] / one["weight_bytes"] for one in ours)
    found["one_stream_of_read_speed"] = median(
        one["layers"]["runtime"]["decode"]["1"]["tokens_per_second"] * one["weight_bytes"] / one["read_bytes_per_second"] for one in ours
    ) if 1 in args.streams and "runtime" in ours[0]["layers"] else None
    if {"engine", "socket"} <= ours[0]["layers"].keys():
        rate = lambda one, layer, n: one["layers"][layer]["decode"][str(n)]["tokens_per_second"]
        found["socket_of_engine"] = {n: median(rate(one, "socket", n) / rate(one, "engine", n) for one in ours) for n in args.streams}
        delays = lambda n, of: [one["layers"]["socket"]["decode"][str(n)].get(f"sampled_to_client_{of}_ms") for one in ours]
        found["sampled_to_client_ms"] = {n: [median(delays(n, of)) for of in ("p50", "p99")] for n in args.streams if None not in delays(n, "p99")}
    if shared:
        tenants = median(one["layers"]["runtime"]["decode"][most]["tokens_per_second"] for one in ours)
        found["tenants_of_one_tenant"] = tenants / median(one["layers"]["runtime"]["decode"][most]["tokens_per_second"] for one in shared)
    found["second_turn"] = median(one["second_turn"]["second_ms"] / one["second_turn"]["first_ms"] for one in ours)
    return found


def show(found: dict):
    print(f"\n{found['model']}   memory reads {found['read_gb_per_second']:.1f} GB/s", end="")
    if found["one_stream_of_read_speed"]:
        print(f", one stream uses {100 * found['one_stream_of_read_speed']:.0f} % of it", end="")
    print(f"; resident {found['resident_of_file']:.2f} of the file; second turn {found['second_turn']:.2f} of the first")
    print(f"  {'':20} {'through':9} {'realm':>10} {'llama.cpp':>10} {'ratio':>7}")
    for figure in found["figures"]:
        print(f"  {figure['what']:20} {figure['layer']:9} {figure['realm']:10.1f} {figure['llama.cpp']:10.1f} {figure['ratio']:7.2f}")
    for n, share in found.get("socket_of_engine", {}).items():
        print(f"  {n} streams through sandboxes and a socket make {share:.3f} of the engine alone", end="")
        if n in found["sampled_to_client_ms"]:
            p50, p99 = found["sampled_to_client_ms"][n]
            print(f"; a token is at its client {p50:.2f} ms (p99 {p99:.2f}) after it was sampled", end="")
        print()
    if "tenants_of_one_tenant" in found:
        print(f"  a tenant for each stream: {found['tenants_of_one_tenant']:.3f} of one tenant with all of them")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--realm", required=True)
    parser.add_argument("--models", nargs="+", required=True)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--tokens", type=int, default=128)
    parser.add_argument("--prompt-tokens", type=int, default=512)
    parser.add_argument("--streams", type=lambda text: [int(n) for n in text.split(",")], default=[1, 8])
    parser.add_argument("--json", help="write the figures there as well")
    args = parser.parse_args()
    every = []
    for path in args.models:
        every.append(measure(args, path))
        show(every[-1])
    # What a call costs does not depend on the model, so the last one, the smallest, does.
    calls = run([args.realm, "bench", "--model", args.models[-1], "--streams", "1", "--through", "engine", "--tokens", "2", "--rounds", "1", "--json"])["dispatch"]
    print("\ncalls that compute nothing, 16 in flight")
    for name in ("health_check", "bare_jsonrpsee"):
        print(f"  {name:15} {calls[name]['calls_per_second']:9.0f} calls/s, alone p50 {calls[name]['p50_us']:.0f} us, p99 {calls[name]['p99_us']:.0f} us")
    print(f"  {calls['throughput_ratio']:.2f} of a bare method's throughput")
    every.append({"dispatch": calls})
    if args.json:
        Path(args.json).write_text(json.dumps(every, indent=2))


if __name__ == "__main__":
    main()
