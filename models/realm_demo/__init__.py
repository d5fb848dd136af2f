"""The demo model of Realm: its corpus, tokenizer, training, export and evaluation.

    corpus/       conversations from templates, word lists and facts, deterministic by seed
    template      the chat template and its control tokens
    tokenizer     trains the byte-level BPE
    model         the llama network
    batches, muon, train   conversations -> weights, in checkpoints that can be resumed
    generate      answers in PyTorch
    export, gguf_read, check_gguf   the GGUF file, and whether it says what training meant
    evaluation/   held-out cases, and the scorer for a node or for the weights
"""
