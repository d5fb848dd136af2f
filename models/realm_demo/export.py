"""Writes a checkpoint as one GGUF file: Q8_0 matrices, f32 norms, tokenizer and chat template.

    python -m realm_demo.export --folder RUN --out realm-demo.gguf

The same checkpoint always gives the same bytes; the SHA-256 is written beside the file.
"""

import argparse
import hashlib
import json
from pathlib import Path

import gguf
import torch
from gguf import GGMLQuantizationType, GGUFWriter, LlamaFileType, TokenType
from gguf.quants import quantize

from .model import Config
from .template import BOS, CHAT_TEMPLATE, CONTROL_TOKENS, END

BYTES_MAX = 8_000_000


def write_metadata(writer: GGUFWriter, config: Config):
    writer.add_name("Realm Demo")
    writer.add_author("Realm")
    writer.add_version("1")
    writer.add_license("apache-2.0")
    writer.add_description("The small model that Realm brings along: it greets, remembers, adds, knows capitals and tells short stories.")
    writer.add_languages(["en"])
    writer.add_file_type(LlamaFileType.MOSTLY_Q8_0)
    writer.add_quantization_version(gguf.GGML_QUANT_VERSION)
    writer.add_vocab_size(config.vocab_count)
    writer.add_context_length(config.context_tokens)
    writer.add_embedding_length(config.width)
    writer.add_block_count(config.block_count)
    writer.add_feed_forward_length(config.ffn_width)
    writer.add_head_count(config.head_count)
    writer.add_head_count_kv(config.kv_head_count)
    writer.add_rope_dimension_count(config.head_width)
    writer.add_rope_freq_base(config.rope_theta)
    writer.add_layer_norm_rms_eps(config.norm_eps)


def write_tokenizer(writer: GGUFWriter, tokenizer_json: dict):
    vocabulary = tokenizer_json["model"]["vocab"]
    tokens = sorted(vocabulary, key=vocabulary.get)
    merges = tokenizer_json["model"]["merges"]
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre("gpt-2")
    writer.add_token_list(tokens)
    writer.add_token_types([TokenType.CONTROL if t in CONTROL_TOKENS else TokenType.NORMAL for t in tokens])
    writer.add_token_merges([m if isinstance(m, str) else " ".join(m) for m in merges])
    writer.add_bos_token_id(vocabulary[BOS])
    writer.add_eos_token_id(vocabulary[END])
    writer.add_pad_token_id(vocabulary[END])
    writer.add_add_bos_token(False)
    writer.add_chat_template(CHAT_TEMPLATE)


def write_tensors(writer: GGUFWriter, weights: dict):
    """Names are GGUF's already; the output layer is the embedding, so it is left out."""
    for name, tensor in weights.items():
        values = tensor.float().numpy()
        if values.ndim == 1:
            writer.add_tensor(name, values)
        else:
            kind = GGMLQuantizationType.Q8_0
            writer.add_tensor(name, quantize(values, kind), raw_dtype=kind)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--folder", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    args = parser.parse_args()
    kept = torch.load(args.folder / "checkpoint.pt", weights_only=True)
    writer = GGUFWriter(args.out, "llama")
    write_metadata(writer, Config(**kept["config"]))
    write_tokenizer(writer, json.loads((args.folder / "tokenizer.json").read_text("utf-8")))
    write_tensors(writer, kept["model"])
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    data = args.out.read_bytes()
    assert len(data) <= BYTES_MAX, f"{len(data)} bytes are more than {BYTES_MAX}"
    digest = hashlib.sha256(data).hexdigest()
    args.out.with_suffix(".sha256").write_text(f"{digest}  {args.out.name}\n")
    print(args.out, len(data), "bytes", digest, kept["state"])


if __name__ == "__main__":
    main()
