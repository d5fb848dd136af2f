"""async-substrate-interface, unmodified: typed calls, a hot swap on one connection, the new function.

usage: python substrate.py URL

It says READY when it has called the first runtime, and DONE when it has called the function that the next one adds.
"""

import asyncio
import sys

from async_substrate_interface import AsyncSubstrateInterface

PROMPT = "Once upon a time"
TEXT = "A fox met a crow. The crow had cheese. The fox sang, and the cheese fell."
TOKENS = 8
HANG_S = 100
OPTIONS = {
    "max_tokens": TOKENS, "temperature": 0, "top_k": None, "top_p": None, "min_p": None, "repetition_penalty": None,
    "presence_penalty": None, "frequency_penalty": None, "logit_bias": None, "seed": None, "stop": None, "logprobs": None,
    "speculation": None,
}


async def call(substrate: AsyncSubstrateInterface, api: str, method: str, arguments: list) -> dict:
    """The value in the `Ok` of a call's answer."""
    answer = await substrate.runtime_call(api, method, arguments)
    value = getattr(answer, "value", answer)
    assert "Ok" in value, f"{method}: {value}"
    return value["Ok"]


async def main(url: str) -> None:
    async with AsyncSubstrateInterface(url) as substrate:
        health = await call(substrate, "RealmApi", "health_check", [])
        assert health["healthy"] is True, health
        before = health["spec_version"]
        info = await call(substrate, "RealmApi", "get_model_info", [])
        assert info["architecture"] == "llama" and info["context_length"] > 0, info
        made = await call(substrate, "RealmApi", "generate", [PROMPT, OPTIONS])
        assert made["tokens_generated"] == TOKENS and made["finish_reason"] == "Length", made
        print("READY", flush=True)

        # It looks for the runtime of the newest block's parent at each call.
        for _ in range(HANG_S * 10):
            health = await call(substrate, "RealmApi", "health_check", [])
            if health["spec_version"] > before:
                break
            await asyncio.sleep(0.1)
        summary = None
        for _ in range(HANG_S * 10):
            try:
                summary = await call(substrate, "SummaryApi", "summarize", [TEXT, 1])
                break
            except Exception as error:  # its own exceptions for an API that it does not know yet
                reason = error
                await asyncio.sleep(0.1)
        assert summary is not None, reason
        assert summary["tokens_generated"] > 0, summary
    print("DONE", flush=True)


if len(sys.argv) != 2:
    sys.exit(__doc__)
asyncio.run(main(sys.argv[1]))
