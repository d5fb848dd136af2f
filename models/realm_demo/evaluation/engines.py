"""Who answers the cases: a running node, or the weights in PyTorch.

Both have `chat(messages, tokens_max, temperature, seed) -> (text, finish_reason)` and
`embed(text) -> list of floats`.
"""


class Node:
    """A running Realm node, over WebSocket."""

    def __init__(self, url: str, key: str | None = None):
        from .websocket import JsonRpcSocket

        self.socket = JsonRpcSocket(url, key)

    def chat(self, messages, tokens_max, temperature=0.0, seed=None):
        options = {"max_tokens": tokens_max, "temperature": temperature}
        if seed is not None:
            options["seed"] = seed
        result = self.socket.call("realm_call", ["chat", {"messages": messages, "options": options}])
        return result["text"], result["finish_reason"].lower()

    def embed(self, text):
        return self.socket.call("realm_call", ["embed", {"text": text}])


class Torch:
    """A checkpoint of training, or an exported GGUF file with its weights dequantised."""

    def __init__(self, weights: str, tokenizer: str | None = None):
        import torch
        from tokenizers import Tokenizer

        from ..model import Config, Llama

        torch.set_num_threads(1)
        self.torch = torch
        if weights.endswith(".gguf"):
            from ..gguf_read import read_model

            self.model, self.tokenizer = read_model(weights)
        else:
            kept = torch.load(weights, weights_only=True)
            self.model = Llama(Config(**kept["config"]))
            self.model.load_state_dict(kept["model"])
            self.tokenizer = Tokenizer.from_file(tokenizer)
        self.model.eval()

    def chat(self, messages, tokens_max, temperature=0.0, seed=None):
        from ..generate import answer

        return answer(self.model, self.tokenizer, messages, tokens_max, temperature, seed or 0)

    def embed(self, text):
        with self.torch.no_grad():
            ids = self.torch.tensor([self.tokenizer.encode(text).ids])
            return self.model.hidden(ids)[0].mean(0).tolist()
