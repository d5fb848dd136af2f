"""The chat template, and what a conversation looks like as text for the tokenizer.

    <|user|> Hello<|end|><|assistant|>Hello! How can I help?<|end|>

What the user says begins with a space, so that a name is cut into the same tokens
where it is told and where it is said back. `<|end|>` ends every message and every
answer; it is the end-of-sequence token.
"""

BOS, END, USER, ASSISTANT, SYSTEM = "<|bos|>", "<|end|>", "<|user|>", "<|assistant|>", "<|system|>"
CONTROL_TOKENS = (BOS, END, USER, ASSISTANT, SYSTEM)

CHAT_TEMPLATE = (
    "{% for message in messages %}"
    "{% if message['role'] == 'assistant' %}"
    "{{ '<|assistant|>' + (message['content'] | trim) + '<|end|>' }}"
    "{% else %}"
    "{{ '<|' + message['role'] + '|> ' + (message['content'] | trim) + '<|end|>' }}"
    "{% endif %}"
    "{% endfor %}"
    "{% if add_generation_prompt %}{{ '<|assistant|>' }}{% endif %}"
)


def render(messages, add_generation_prompt: bool = False) -> str:
    """What CHAT_TEMPLATE renders, without jinja."""
    text = ""
    for message in messages:
        space = "" if message["role"] == "assistant" else " "
        text += f"<|{message['role']}|>{space}{message['content'].strip()}{END}"
    return text + (ASSISTANT if add_generation_prompt else "")


def render_any(made: dict) -> str:
    """A conversation or a raw completion, as text."""
    return render(made["messages"]) if "messages" in made else made["prompt"] + made["text"] + END
