"""Makes GGUF files of real shapes with random weights: what they say is noise, what they cost is real.

    python make_models.py FOLDER [NAME ..]

A file that is there already is kept. Weights are drawn as quantised blocks with scales that keep activations
at a sane size, so that no kernel meets denormals, infinities or NaN.
"""

import sys
from dataclasses import dataclass
from pathlib import Path

import gguf
import numpy as np

WORDS = "the river was wide and we could cross again conversation long".split()
Q = gguf.GGMLQuantizationType


@dataclass(frozen=True)
class Shape:
    architecture: str
    layers: int
    width: int
    heads: int
    kv_heads: int
    ffn: int
    vocab: int
    context: int = 4096
    tied: bool = False


SHAPES = {
    "tinyllama": Shape("llama", 22, 2048, 32, 4, 5632, 32000),
    "qwen2-0.5b": Shape("qwen2", 24, 896, 14, 2, 4864, 151936, tied=True),
    "llama-15m": Shape("llama", 6, 288, 6, 6, 768, 32000, tied=True),
    "llama-3m": Shape("llama", 5, 192, 6, 6, 512, 1536, tied=True),
}
TYPES = ("q8_0", "q4_0", "q4_k_m")


def half(value: float) -> bytes:
    return np.float16(value).tobytes()


def blocks(kind: Q, rows: int, columns: int, rng) -> np.ndarray:
    """Random rows of a quantised type as bytes, with values of about 1 / sqrt(columns)."""
    size = columns**-0.5
    if kind == Q.Q8_0:
        head, tail, body, block = half(size / 73), b"", 32, 32
    elif kind == Q.Q4_0:
        head, tail, body, block = half(size / 4.6), b"", 16, 32
    elif kind == Q.Q4_K:
        # Scales and minima of 32, packed in six bits; the minimum takes the mean of the quants away.
        packed = bytes([160] * 8 + [0] * 4)
        head, tail, body, block = half(size / 147) + half(7.5 * size / 147) + packed, b"", 128, 256
    elif kind == Q.Q6_K:
        head, tail, body, block = b"", bytes([32] * 16) + half(size / 590), 192, 256
    else:
        raise ValueError(kind)
    count = rows * columns // block
    # Plain bytes are quants of every type; -128 is left out of Q8_0, which no quantiser writes.
    quants = rng.integers(1 if kind == Q.Q8_0 else 0, 256, (count, body), dtype=np.uint8)
    if kind == Q.Q8_0:
        quants ^= 0x80
        quants[quants == 0x80] = 0
    parts = [np.broadcast_to(np.frombuffer(part, np.uint8), (count, len(part))) for part in (head,) if part]
    parts.append(quants)
    parts += [np.broadcast_to(np.frombuffer(part, np.uint8), (count, len(part))) for part in (tail,) if part]
    return np.ascontiguousarray(np.concatenate(parts, axis=1)).reshape(rows, -1)


def kind_of(name: str, layer: int, shape: Shape, kind: str) -> Q:
    """The type of a tensor; in `q4_k_m` as llama.cpp's quantiser mixes them."""
    if kind != "q4_k_m":
        return {"q8_0": Q.Q8_0, "q4_0": Q.Q4_0}[kind]
    n = shape.layers
    more = layer < n // 8 or layer >= 7 * n // 8 or (layer - n // 8) % 3 == 2
    important = name in ("output", "tied") or (name in ("attn_v", "ffn_down") and more)
    columns = shape.ffn if name == "ffn_down" else shape.width
    if columns % 256:
        # K-quants need whole blocks of 256; llama.cpp falls back likewise.
        return Q.Q8_0
    return Q.Q6_K if important else Q.Q4_K


def vocabulary(count: int):
    tokens, scores, kinds = [b"<unk>", b"<s>", b"</s>"], [0.0] * 3, [2, 3, 3]
    tokens += [f"<0x{byte:02X}>".encode() for byte in range(256)]
    scores, kinds = scores + [0.0] * 256, kinds + [6] * 256
    pieces = ["\u2581"] + [chr(c) for c in range(33, 127)]
    for word in WORDS:
        pieces += ["\u2581" + word[:n] for n in range(1, len(word) + 1)]
    pieces = list(dict.fromkeys(pieces))
    filler = (f"\u2581w{n}" for n in range(count))
    while len(pieces) < count - len(tokens):
        pieces.append(next(filler))
    for n, piece in enumerate(pieces[: count - len(tokens)]):
        tokens.append(piece.encode())
        # Longer pieces are merged later and count more.
        scores.append(float(len(piece)) - 1000.0 - n * 1e-6)
        kinds.append(1)
    return tokens, scores, kinds


def make(path: Path, shape: Shape, kind: str):
    rng = np.random.default_rng(1)
    w = gguf.GGUFWriter(str(path), shape.architecture)
    w.add_name(path.stem)
    w.add_context_length(shape.context)
    w.add_embedding_length(shape.width)
    w.add_block_count(shape.layers)
    w.add_feed_forward_length(shape.ffn)
    w.add_head_count(shape.heads)
    w.add_head_count_kv(shape.kv_heads)
    w.add_layer_norm_rms_eps(1e-5)
    w.add_rope_freq_base(10000.0)
    w.add_rope_dimension_count(shape.width // shape.heads)
    w.add_vocab_size(shape.vocab)
    tokens, scores, kinds = vocabulary(shape.vocab)
    w.add_tokenizer_model("llama")
    w.add_token_list(tokens)
    w.add_token_scores(scores)
    w.add_token_types(kinds)
    w.add_bos_token_id(1)
    w.add_eos_token_id(2)

    def matrix(name: str, rows: int, columns: int, short: str, layer: int = 0):
        wanted = kind_of(short, layer, shape, kind)
        w.add_tensor(name, blocks(wanted, rows, columns, rng), raw_dtype=wanted)

    def vector(name: str, length: int, value: float):
        w.add_tensor(name, np.full(length, value, np.float32))

    head = shape.width // shape.heads
    kv = head * shape.kv_heads
    matrix("token_embd.weight", shape.vocab, shape.width, "tied" if shape.tied else "token_embd")
    for n in range(shape.layers):
        at = f"blk.{n}."
        vector(at + "attn_norm.weight", shape.width, 1.0)
        matrix(at + "attn_q.weight", shape.width, shape.width, "attn_q", n)
        matrix(at + "attn_k.weight", kv, shape.width, "attn_k", n)
        matrix(at + "attn_v.weight", kv, shape.width, "attn_v", n)
        if shape.architecture == "qwen2":
            for name, length in (("q", shape.width), ("k", kv), ("v", kv)):
                vector(f"{at}attn_{name}.bias", length, 0.0)
        matrix(at + "attn_output.weight", shape.width, shape.width, "attn_output", n)
        vector(at + "ffn_norm.weight", shape.width, 1.0)
        matrix(at + "ffn_gate.weight", shape.ffn, shape.width, "ffn_gate", n)
        matrix(at + "ffn_up.weight", shape.ffn, shape.width, "ffn_up", n)
        matrix(at + "ffn_down.weight", shape.width, shape.ffn, "ffn_down", n)
    vector("output_norm.weight", shape.width, 1.0)
    if not shape.tied:
        matrix("output.weight", shape.vocab, shape.width, "output")
    w.write_header_to_file()
    w.write_kv_data_to_file()
    w.write_tensors_to_file()
    w.close()


def main():
    folder, names = Path(sys.argv[1]), sys.argv[2:]
    folder.mkdir(parents=True, exist_ok=True)
    every = {f"{shape}-{kind}": (SHAPES[shape], kind) for shape in SHAPES for kind in TYPES}
    for name in names or every:
        path = folder / f"{name}.gguf"
        if not path.exists():
            fresh = path.with_suffix(".new")
            make(fresh, *every[name])
            fresh.rename(path)
        print(path)


if __name__ == "__main__":
    main()
