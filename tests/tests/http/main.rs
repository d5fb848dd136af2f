//! HTTP beside JSON-RPC against a real node with a real, tiny model: OpenAI's routes and `/call/`.

mod bad_input;
mod bounds;
mod call;
mod health;
mod openai;
mod pages;
