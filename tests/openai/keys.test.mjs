// OpenAI's own JavaScript package, unchanged, against a chain that needs keys. Wrong keys were shown from this address
// before, so that one more may have to wait; a right one never has to.
import assert from "node:assert/strict";
import { test } from "node:test";
import OpenAI from "openai";

const client = (apiKey) => new OpenAI({ baseURL: `${process.env.REALM_HTTP}/v1`, apiKey, maxRetries: 0 });
const messages = [{ role: "user", content: "What is the capital of France?" }];

test("a key calls as its tenant", async () => {
    const answer = await client(process.env.REALM_KEY).chat.completions.create({ model: "default", messages, temperature: 0 });
    assert.equal(answer.choices[0].message.content, "The capital of France is Paris.");
});

test("a wrong key does not", async () => {
    await assert.rejects(client("none").models.list(), (error) => {
        const known = error instanceof OpenAI.AuthenticationError || error instanceof OpenAI.RateLimitError;
        return known && ["invalid_api_key", "rate_limit_exceeded"].includes(error.code);
    });
});
