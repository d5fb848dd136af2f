"""With a key of role `admin`: the attacker's tenant runs a runtime of its own."""

import asyncio
import contextlib
import os
import pathlib
import threading

from node import ATTACKER, NEIGHBOUR
from tools import rpc, until, web_socket

from . import Attack
from .caller import calls

BLOBS = pathlib.Path(os.environ["HOSTILE_BLOBS"])


def blob(name):
    return "0x" + (BLOBS / name).read_bytes().hex()


def put_in_force(node, keys, name="abusive.wasm"):
    answer = node.rpc("realm_upgradeRuntime", [blob(name), ATTACKER], key=keys.admin)
    assert "error" not in answer, answer


def abuse(function, at_once=8, **params):
    def run(node, keys, seconds):
        return calls(node, keys, seconds, function, params, at_once)
    return run


def unread(function, streams, **params):
    """Streams that nobody reads."""
    def run(node, keys, seconds):
        async def play():
            async with contextlib.AsyncExitStack() as stack:
                for _ in range(streams):
                    peer = await stack.enter_async_context(web_socket(node, keys.call, max_queue=1))
                    await rpc(peer, "realm_subscribe", [function, params, {"deadline_ms": 20_000}])
                await asyncio.sleep(seconds)
        asyncio.run(play())
        return f"{streams} streams of {function}, not read"
    return run


def remember(node, keys, seconds):
    async def play():
        async with contextlib.AsyncExitStack() as stack:
            answers = []
            for _ in range(8):
                peer = await stack.enter_async_context(web_socket(node, keys.call))
                answer = await rpc(peer, "realm_call", ["remember_small", {"count": 1_000_000}])
                answers.append(answer.get("error", {}).get("data", {}).get("code", "granted"))
            await asyncio.sleep(1)
            return answers
    return f"8 connections that remember 1,000,000 keys: {sorted(set(asyncio.run(play())))}"


def looping_trials(node, keys, seconds):
    """Dry runs whose trial never returns, while the operator administers another tenant."""
    over = threading.Event()
    dry_run = lambda: node.rpc("realm_dryRunUpgrade", [blob("looping_trial.wasm"), ATTACKER], key=keys.admin)
    attacker = threading.Thread(target=lambda: [dry_run() for _ in iter(over.is_set, True)], daemon=True)
    attacker.start()
    steps = []

    def operate():
        answer = node.rpc("realm_dryRunUpgrade", [blob("abusive.wasm"), NEIGHBOUR])
        steps.append(answer.get("error", {}).get("data", {}).get("step", "ok"))
    until(seconds, operate)
    over.set()
    assert steps and "busy" not in steps, f"the operator was refused: {steps}"
    return f"the operator's dry runs for another tenant meanwhile: {len(steps)}, answers {sorted(set(steps))}"


def looping_migration(node, keys, seconds):
    upgrade = lambda: node.rpc("realm_upgradeRuntime", [blob("looping_migration.wasm"), ATTACKER], key=keys.admin)
    thread = threading.Thread(target=upgrade, daemon=True)
    thread.start()
    written = until(seconds, lambda: node.call(
        "import_conversation", {"conversation": "mine", "turns": []}, node_key(node, NEIGHBOUR)))
    assert written, "another tenant could not write during the migration"
    return f"{written} writes of another tenant during a migration that loops"


def node_key(node, tenant):
    if tenant not in node.__dict__.setdefault("tenant_keys", {}):
        node.tenant_keys[tenant] = node.make_key(tenant, "call")
    return node.tenant_keys[tenant]


def many_keys(node, keys, seconds):
    made, refused = 0, None
    for _ in range(2000):
        answer = node.rpc("realm_keyGenerate", [ATTACKER, ["call"]], key=keys.admin)
        if "error" in answer:
            refused = answer["error"]["message"]
            break
        made += 1
    assert refused, f"{made} keys were made and none was refused"
    assert "error" not in node.rpc("realm_keyGenerate", [NEIGHBOUR, ["call"]]), "the operator cannot make a key"
    return f"{made} keys, then: {refused}"


def forged_name(node, keys, seconds):
    answer = node.rpc("realm_upgradeRuntime", [blob("forged_name.wasm"), ATTACKER], key=keys.admin)
    assert "error" in answer
    log = node.log()
    assert "\x1b[31m" not in log and "\n2026-12-01T00:00:00Z ERROR forged" not in log, "the blob wrote into the log"
    return "refused, and the log holds the name escaped"


ATTACKS = [
    Attack("endless loops", "F1", abuse("spin", rounds=1 << 60)),
    Attack("hashes of 8 MB", "F1", abuse("hash", bytes=8_000_000, rounds=1 << 20)),
    Attack("matrix products", "security 6", abuse("multiply", size=1024, rounds=1 << 20)),
    Attack("loading layers", "F1", abuse("load_layers", rounds=1 << 20)),
    Attack("tokenizing 4 MB", "F1", abuse("tokenize", bytes=4_000_000, rounds=1 << 20)),
    Attack("traps", "F1", abuse("trap")),
    Attack("answers of 8 MB", "F10", abuse("answer_fat", bytes=8_000_000), 512 << 20),
    Attack("tensors held by 16 calls", "F10", unread("hoard_tensors", 16, megabytes=1024), 1200 << 20),
    Attack("fat events, not read", "F10", unread("emit_fat", 8, count=1000, bytes=900_000)),
    Attack("tokens told to samplers", "security 5", abuse("accept_tokens", count=1 << 24)),
    Attack("reads of absent keys", "security 5", abuse("read_absent", at_once=4, count=100_000)),
    Attack("500,000 small values in one call", "security 5, 8", abuse("store_small", at_once=1, count=500_000, first=0)),
    Attack("small values of connections", "security 5", remember),
    Attack("prompts computed", "security 7", abuse("compute", at_once=4, count=500, salt=1)),
    Attack("sampling in the guest", "security 9", abuse("sample_itself", at_once=2, count=200)),
    Attack("trials that loop", "security 8, F5", looping_trials),
    Attack("a migration that loops", "security 8", looping_migration),
    Attack("keys without end", "security 13", many_keys),
    Attack("a forged name", "security 16", forged_name),
]
