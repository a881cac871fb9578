"""Write a language model of half a megabyte with random weights, and serve it with llama.cpp.

Its answers are noise except where a grammar constrains them: enough to test a real server's wire
format, structured output, streams and tool calls. Runs in .venv-model (`make model-test`).
"""

import sys
import time
from pathlib import Path

import gguf
import numpy as np
import xllamacpp

_EMBEDDING, _LAYERS, _HEADS, _FEED_FORWARD, _CONTEXT = 64, 2, 4, 128, 16_384
_BYTES = 256
_UNKNOWN, _CONTROL, _BYTE = 2, 3, 6  # token types of the file format
_TEMPLATE = "{% for m in messages %}{{ m['role'] }}: {{ m['content'] }}\n{% endfor %}assistant: "


def write(file: Path) -> None:
    """Write the model: a llama with two layers, whose tokens are bytes."""
    chance = np.random.default_rng(1)
    writer = gguf.GGUFWriter(str(file), "llama")
    tokens = [b"<unk>", b"<s>", b"</s>", *(f"<0x{n:02X}>".encode() for n in range(_BYTES))]
    writer.add_context_length(_CONTEXT)
    writer.add_embedding_length(_EMBEDDING)
    writer.add_block_count(_LAYERS)
    writer.add_feed_forward_length(_FEED_FORWARD)
    writer.add_head_count(_HEADS)
    writer.add_head_count_kv(_HEADS)
    writer.add_layer_norm_rms_eps(1e-5)
    writer.add_rope_dimension_count(_EMBEDDING // _HEADS)
    writer.add_vocab_size(len(tokens))
    writer.add_tokenizer_model("llama")
    writer.add_token_list(tokens)
    writer.add_token_scores([0.0] * len(tokens))
    writer.add_token_types([_UNKNOWN, _CONTROL, _CONTROL, *[_BYTE] * _BYTES])
    writer.add_bos_token_id(1)
    writer.add_eos_token_id(2)
    writer.add_unk_token_id(0)
    writer.add_add_bos_token(True)
    writer.add_add_space_prefix(False)
    writer.add_chat_template(_TEMPLATE)

    def tensor(name: str, *shape: int, is_norm: bool = False) -> None:
        values = np.ones(shape) if is_norm else chance.standard_normal(shape) * 0.05
        writer.add_tensor(name, values.astype(np.float32))

    tensor("token_embd.weight", len(tokens), _EMBEDDING)
    tensor("output_norm.weight", _EMBEDDING, is_norm=True)
    tensor("output.weight", len(tokens), _EMBEDDING)
    for layer in range(_LAYERS):
        for norm in ("attn_norm", "ffn_norm"):
            tensor(f"blk.{layer}.{norm}.weight", _EMBEDDING, is_norm=True)
        for part in ("attn_q", "attn_k", "attn_v", "attn_output"):
            tensor(f"blk.{layer}.{part}.weight", _EMBEDDING, _EMBEDDING)
        for part in ("ffn_gate", "ffn_up"):
            tensor(f"blk.{layer}.{part}.weight", _FEED_FORWARD, _EMBEDDING)
        tensor(f"blk.{layer}.ffn_down.weight", _EMBEDDING, _FEED_FORWARD)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def serve(file: Path, port: int) -> None:
    """Serve the model until the process ends."""
    settings = xllamacpp.CommonParams()
    settings.model.path = str(file)
    settings.n_ctx = _CONTEXT
    settings.n_parallel = 1
    settings.port = port
    settings.use_jinja = True
    settings.warmup = False
    settings.sampling.seed = 1
    server = xllamacpp.Server(settings)
    print(server.listening_address, flush=True)
    while True:
        time.sleep(60)


if __name__ == "__main__":
    model = Path(sys.argv[1])
    if not model.exists():
        write(model)
    serve(model, int(sys.argv[2]))
