"""async-substrate-interface, unmodified: a typed call of generate.

usage: python substrate.py URL
"""

import asyncio
import sys

from async_substrate_interface import AsyncSubstrateInterface

PROMPT = "Once upon a time"
OPTIONS = {
    "max_tokens": 8, "temperature": 0, "top_k": None, "top_p": None, "min_p": None, "repetition_penalty": None,
    "presence_penalty": None, "frequency_penalty": None, "logit_bias": None, "seed": None, "stop": None, "logprobs": None,
}


async def main(url: str) -> None:
    async with AsyncSubstrateInterface(url) as substrate:
        health = await substrate.runtime_call("RealmApi", "health_check", [])
        print("health_check:", health)
        made = await substrate.runtime_call("RealmApi", "generate", [PROMPT, OPTIONS])
        print("generate:", made)
        value = getattr(made, "value", made)
        assert "Ok" in value and value["Ok"]["tokens_generated"] > 0, value
    print("ok")


if len(sys.argv) != 2:
    sys.exit(__doc__)
asyncio.run(main(sys.argv[1]))
