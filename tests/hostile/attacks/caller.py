"""With a key of role `call`, and the default runtime."""

import asyncio
import json
import random

from tools import rpc, until, web_socket

from . import Attack

WORDS = "the a girl box time fox once upon there was".split()


def calls(node, keys, seconds, function, params, at_once=8):
    answers = {}

    def job():
        status, _ = node.call(function, params, keys.call)
        answers[status] = answers.get(status, 0) + 1
    until(seconds, *[job] * at_once)
    return f"answers by status: {answers}"


def fat_frames(node, keys, seconds):
    params = {f"field{number}": 1 for number in range(600_000)}
    return calls(node, keys, seconds, "generate", params)


def long_text(node, keys, seconds):
    return calls(node, keys, seconds, "embed", {"text": "a " * (2 << 20)})


def long_prompts(node, keys, seconds):
    return calls(node, keys, seconds, "generate", {"prompt": "hello " * 170_000, "max_tokens": 1})


def many_biases(node, keys, seconds):
    biases = [{"token": number % 300, "bias": 1} for number in range(50_000)]
    return calls(node, keys, seconds, "generate", {"prompt": "hi", "max_tokens": 1, "logit_bias": biases})


def many_choices(node, keys, seconds):
    body = {"model": "default", "n": 16, "messages": [{"role": "user", "content": "hello " * 600_000}]}
    statuses = set()
    until(seconds, lambda: statuses.add(node.http("/v1/chat/completions", body, key=keys.call)[0]))
    return f"statuses {sorted(statuses)}"


def kept_streams(node, keys, seconds):
    turns = [{"asked": [{"role": "user", "content": "x" * 1_000_000}], "answer": {"role": "assistant", "content": "y"}}] * 6
    status, answer = node.call("import_conversation", {"conversation": "big", "turns": turns}, keys.call)

    async def play():
        async with web_socket(node, keys.call) as peer:
            for number in range(30):
                options = {"id": f"kept{number}", "resumable": True}
                await rpc(peer, "realm_subscribe", ["export_conversation", {"conversation": "big"}, options], number)
                while True:
                    message = json.loads(await asyncio.wait_for(peer.recv(), 60))
                    if message.get("params", {}).get("result", {}).get("type") in ("result", "error"):
                        break
    asyncio.run(play())
    node.call("delete_conversation", {"conversation": "big"}, keys.call)
    return f"import: {status}; 30 finished streams of 6 MB kept"


def cancelled_prompts(node, keys, seconds):
    async def one(peer, seed):
        draw = random.Random(seed)
        prompt = " ".join(draw.choice(WORDS) for _ in range(700))
        answer = await rpc(peer, "realm_subscribe", ["stream_generate", {"prompt": prompt, "max_tokens": 1}], seed)
        if "result" in answer:
            await asyncio.sleep(draw.random() * 0.04)
            await rpc(peer, "realm_unsubscribe", [answer["result"]], seed + 1)

    async def play():
        count = 0
        end = asyncio.get_running_loop().time() + seconds
        async with web_socket(node, keys.call) as peer:
            while asyncio.get_running_loop().time() < end:
                await one(peer, 10 * count + 10)
                count += 1
        return count
    return f"{asyncio.run(play())} prompts of 700 tokens cancelled within 40 ms"


def ordinary(node, keys, seconds):
    return calls(node, keys, seconds, "generate", {"prompt": "Once upon a time", "max_tokens": 64}, at_once=4)


ATTACKS = [
    Attack("4 ordinary generations at once", "control", ordinary),
    Attack("bodies of 600,000 fields", "F1", fat_frames),
    Attack("texts of 4 MiB to embed", "security 3", long_text),
    Attack("prompts of 1 MB", "security 3", long_prompts),
    Attack("50,000 biases", "F1", many_biases),
    Attack("16 choices of a prompt of 3.6 MB", "security 11", many_choices),
    Attack("finished streams of 6 MB, kept", "security 11", kept_streams),
    Attack("cancelled prompts", "security 7", cancelled_prompts),
]
