"""The workloads of `realm bench` through llama.cpp's own library, by the low-level API of llama-cpp-python.

    python peer.py --model FILE.gguf --threads 2 --tokens 128 --prompt-tokens 512 --streams 1,8

Prints JSON: tokens per second of reading a prompt, and of decoding so many sequences in one batch, greedily.
"""

import argparse
import ctypes
import json
import time

import llama_cpp as ll
import numpy as np

SHORT_PROMPT_TOKENS = 16


class Peer:
    def __init__(self, path: str, threads: int, sequences: int, context: int, batch: int):
        ll.llama_backend_init()
        # Nothing of its log belongs to the figures.
        self.silent = ll.llama_log_callback(lambda *_: None)
        ll.llama_log_set(self.silent, ctypes.c_void_p(0))
        self.model = ll.llama_model_load_from_file(path.encode(), ll.llama_model_default_params())
        if not self.model:
            raise SystemExit(f"llama.cpp does not load {path}")
        params = ll.llama_context_default_params()
        params.n_ctx, params.n_batch, params.n_ubatch = context * sequences, batch, batch
        params.n_seq_max, params.n_threads, params.n_threads_batch = sequences, threads, threads
        self.context = ll.llama_init_from_model(self.model, params)
        if not self.context:
            raise SystemExit("llama.cpp gives no context")
        self.vocab = ll.llama_vocab_n_tokens(ll.llama_model_get_vocab(self.model))
        self.batch = ll.llama_batch_init(batch, 0, 1)

    def forget(self):
        ll.llama_memory_clear(ll.llama_get_memory(self.context), True)

    def decode(self, entries):
        """One step: (token, position, sequence, wants logits)."""
        for n, (token, position, sequence, wanted) in enumerate(entries):
            self.batch.token[n], self.batch.pos[n] = token, position
            self.batch.n_seq_id[n], self.batch.seq_id[n][0] = 1, sequence
            self.batch.logits[n] = wanted
        self.batch.n_tokens = len(entries)
        status = ll.llama_decode(self.context, self.batch)
        if status:
            raise SystemExit(f"llama_decode gave {status}")

    def likeliest(self, row: int) -> int:
        logits = np.ctypeslib.as_array(ll.llama_get_logits_ith(self.context, row), (self.vocab,))
        return int(logits.argmax())


def prompt(peer: Peer, length: int, seed: int) -> list[int]:
    rng = np.random.default_rng(seed)
    return [1, *rng.integers(300, peer.vocab, length - 1).tolist()]


def prefill(peer: Peer, length: int) -> float:
    peer.forget()
    tokens = prompt(peer, length, 1)
    began = time.perf_counter()
    peer.decode([(token, n, 0, n == length - 1) for n, token in enumerate(tokens)])
    peer.likeliest(length - 1)
    return length / (time.perf_counter() - began)


def decode(peer: Peer, streams: int, count: int) -> float:
    peer.forget()
    latest = []
    for sequence in range(streams):
        tokens = prompt(peer, SHORT_PROMPT_TOKENS, sequence + 2)
        peer.decode([(token, n, sequence, n == len(tokens) - 1) for n, token in enumerate(tokens)])
        latest.append(peer.likeliest(len(tokens) - 1))
    began = time.perf_counter()
    for n in range(count):
        peer.decode([(token, SHORT_PROMPT_TOKENS + n, sequence, True) for sequence, token in enumerate(latest)])
        latest = [peer.likeliest(row) for row in range(streams)]
    return streams * count / (time.perf_counter() - began)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", required=True)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--tokens", type=int, default=128)
    parser.add_argument("--prompt-tokens", type=int, default=512)
    parser.add_argument("--streams", default="1,8")
    args = parser.parse_args()
    streams = [int(n) for n in args.streams.split(",")]
    context = max(args.prompt_tokens, SHORT_PROMPT_TOKENS + args.tokens) + 32
    peer = Peer(args.model, args.threads, max(streams), context, max(512, args.prompt_tokens))
    prefill(peer, 64)
    print(json.dumps({
        "prefill_tokens_per_second": prefill(peer, args.prompt_tokens),
        "decode": {n: decode(peer, n, args.tokens) for n in streams},
    }))


if __name__ == "__main__":
    main()
