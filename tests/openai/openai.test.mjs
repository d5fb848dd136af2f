// OpenAI's own JavaScript package, unchanged, against a node with the demo model.
import assert from "node:assert/strict";
import { test } from "node:test";
import OpenAI from "openai";

const client = new OpenAI({ baseURL: `${process.env.REALM_HTTP}/v1`, apiKey: process.env.REALM_KEY, maxRetries: 0 });
const PARIS = "The capital of France is Paris.";
const messages = [{ role: "user", content: "What is the capital of France?" }];
const story = [{ role: "user", content: "Tell me a story about a fox and a lamp." }];
const ask = (more = {}) => client.chat.completions.create({ model: "default", messages, temperature: 0, ...more });

test("chat", async () => {
    const answer = await ask();
    assert.equal(answer.choices[0].message.content, PARIS);
    assert.equal(answer.choices[0].finish_reason, "stop");
    assert.equal(answer.usage.total_tokens, answer.usage.prompt_tokens + answer.usage.completion_tokens);
});

test("streaming chat", async () => {
    let text = "";
    let usage;
    for await (const chunk of await ask({ stream: true, stream_options: { include_usage: true } })) {
        text += chunk.choices[0]?.delta.content ?? "";
        usage = chunk.usage ?? usage;
    }
    assert.equal(text, PARIS);
    assert.ok(usage.completion_tokens > 0);
});

test("the package's own stream helper", async () => {
    const runner = client.chat.completions.stream({ model: "default", messages, temperature: 0 });
    assert.equal(await runner.finalContent(), PARIS);
});

test("completions, whole and streamed", async () => {
    const order = { model: "default", prompt: "Once upon a time", max_tokens: 20, temperature: 0 };
    const whole = await client.completions.create(order);
    let text = "";
    for await (const piece of await client.completions.create({ ...order, stream: true })) text += piece.choices[0].text;
    assert.equal(text, whole.choices[0].text);
});

test("embeddings, as floats and as base64", async () => {
    const input = ["The cat sleeps.", "A cat is sleeping."];
    // The package asks for base64 where nothing is said, and unpacks it.
    const packed = await client.embeddings.create({ model: "default", input });
    const floats = await client.embeddings.create({ model: "default", input, encoding_format: "float" });
    assert.equal(packed.data.length, 2);
    const near = (a, b) => Math.abs(a - b) < 1e-6;
    assert.ok(packed.data[1].embedding.every((value, index) => near(value, floats.data[1].embedding[index])));
    assert.ok(near(packed.data[0].embedding.reduce((sum, value) => sum + value * value, 0), 1));
});

test("models", async () => {
    const names = [];
    for await (const model of client.models.list()) names.push(model.id);
    assert.deepEqual(names, ["default"]);
    assert.equal((await client.models.retrieve("default")).object, "model");
});

test("wrong model", async () => {
    await assert.rejects(client.chat.completions.create({ model: "gpt-4o", messages }), (error) => {
        assert.ok(error instanceof OpenAI.NotFoundError);
        assert.equal(error.code, "model_not_found");
        return true;
    });
});

test("overlong prompt", async () => {
    const long = [{ role: "user", content: "word ".repeat(5000) }];
    for (const stream of [false, true]) {
        await assert.rejects(client.chat.completions.create({ model: "default", messages: long, stream }), (error) => {
            assert.ok(error instanceof OpenAI.BadRequestError);
            assert.equal(error.code, "context_length_exceeded");
            return true;
        });
    }
});

/** Waits until the node computes nothing any more; the tokens that it computed since it started. */
async function computedWhenIdle() {
    for (;;) {
        const body = JSON.stringify({ jsonrpc: "2.0", id: 1, method: "realm_status" });
        const response = await fetch(`${process.env.REALM_HTTP}/`, { method: "POST", headers: { "content-type": "application/json" }, body });
        const { calls_running, calls_waiting, models } = (await response.json()).result;
        if (calls_running + calls_waiting + models.reduce((sum, { jobs }) => sum + jobs, 0) === 0) {
            return models.reduce((sum, { tokens_total }) => sum + tokens_total, 0);
        }
        await new Promise((resolve) => setTimeout(resolve, 20));
    }
}

test("abort mid-stream", async () => {
    // The control tokens are the first of the vocabulary: without them the story has no end.
    const logit_bias = Object.fromEntries(Array.from({ length: 16 }, (_, token) => [token, -100]));
    const before = await computedWhenIdle();
    const stream = await client.chat.completions.create({ model: "default", messages: story, max_tokens: 900, logit_bias, stream: true });
    for await (const _ of stream) break;
    stream.controller.abort();
    // The node stops computing, too.
    assert.ok((await computedWhenIdle()) - before < 900);
    assert.equal((await ask()).choices[0].message.content, PARIS);
});

test("two choices, had again by their seed", async () => {
    const make = () => client.chat.completions.create({ model: "default", messages: story, n: 2, seed: 11, temperature: 1, max_tokens: 30 });
    const texts = (answer) => answer.choices.map((choice) => choice.message.content);
    const [first, again] = [texts(await make()), texts(await make())];
    assert.deepEqual(first, again);
    assert.notEqual(first[0], first[1]);
});

test("logprobs", async () => {
    const content = (await ask({ logprobs: true, top_logprobs: 2 })).choices[0].logprobs.content;
    assert.equal(Buffer.from(content.flatMap((token) => token.bytes)).toString().trim(), PARIS);
    assert.ok(content.every((token) => token.top_logprobs.length === 2));
});
