"""Reads the exported GGUF back, as any loader would: from its metadata and tensors alone.

What is scored with `--weights realm-demo.gguf` is thus the quantised model and the
tokenizer that the file describes, not those of training.
"""

import torch
from gguf import GGUFReader, TokenType
from gguf.quants import dequantize
from tokenizers import AddedToken, Tokenizer, decoders, models, pre_tokenizers

from .model import Config, Llama


def field(reader: GGUFReader, name: str):
    return reader.fields[name].contents()


def read_tokenizer(reader: GGUFReader) -> Tokenizer:
    assert field(reader, "tokenizer.ggml.model") == "gpt2" and field(reader, "tokenizer.ggml.pre") == "gpt-2"
    tokens = field(reader, "tokenizer.ggml.tokens")
    merges = [tuple(merge.split(" ", 1)) for merge in field(reader, "tokenizer.ggml.merges")]
    types = field(reader, "tokenizer.ggml.token_type")
    tokenizer = Tokenizer(models.BPE({t: n for n, t in enumerate(tokens)}, merges))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    control = [t for t, kind in zip(tokens, types, strict=True) if kind == TokenType.CONTROL]
    tokenizer.add_special_tokens([AddedToken(t, normalized=False, special=True) for t in control])
    return tokenizer


def read_model(path: str) -> tuple[Llama, Tokenizer]:
    reader = GGUFReader(path)
    config = Config(
        vocab_count=len(field(reader, "tokenizer.ggml.tokens")),
        width=field(reader, "llama.embedding_length"),
        block_count=field(reader, "llama.block_count"),
        head_count=field(reader, "llama.attention.head_count"),
        kv_head_count=field(reader, "llama.attention.head_count_kv"),
        ffn_width=field(reader, "llama.feed_forward_length"),
        context_tokens=field(reader, "llama.context_length"),
        rope_theta=field(reader, "llama.rope.freq_base"),
        norm_eps=field(reader, "llama.attention.layer_norm_rms_epsilon"),
    )
    weights = {t.name: torch.from_numpy(dequantize(t.data, t.tensor_type).copy()) for t in reader.tensors}
    model = Llama(config)
    model.load_state_dict(weights)
    return model, read_tokenizer(reader)
