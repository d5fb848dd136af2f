// dedot, unmodified, over both of its families of methods: typed calls, a hot swap without reconnecting,
// the new function.
import { DedotClient, LegacyClient, WsProvider } from 'dedot';
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { RealmNode } from './support/node.mjs';
import { PROMPT, TEXT, TOKENS } from './support/texts.mjs';
import { until } from './support/until.mjs';

const MODES = {
  chainHead: (provider) => DedotClient.new({ provider, rpcVersion: 'v2' }),
  legacy: (provider) => LegacyClient.new({ provider }),
};

for (const [mode, create] of Object.entries(MODES)) {
  test(`dedot (${mode}) calls, follows a swap and calls the new function`, async (t) => {
    const node = await RealmNode.start(t);
    const provider = new WsProvider(node.url);
    let connections = 0;
    provider.on('connected', () => (connections += 1));
    const client = await create(provider);
    node.beforeStop(() => client.disconnect());

    const health = await client.call.realmApi.healthCheck();
    assert.equal(health.isOk, true);
    assert.equal(health.value.healthy, true);
    const before = health.value.specVersion;
    const info = await client.call.realmApi.getModelInfo();
    assert.equal(info.isOk, true);
    assert.equal(info.value.architecture, 'llama');
    assert.ok(info.value.contextLength > 0);
    const made = await client.call.realmApi.generate(PROMPT, { maxTokens: TOKENS, temperature: 0 });
    assert.equal(made.isOk, true);
    assert.equal(made.value.tokensGenerated, TOKENS);
    assert.equal(made.value.finishReason, 'Length');
    const refused = await client.call.realmApi.generate(PROMPT, { temperature: 9000 });
    assert.equal(refused.isErr, true);
    assert.equal(refused.err.type, 'InvalidParams');
    assert.equal(refused.err.value.field, 'options.temperature');

    const report = await node.upgrade();
    const summary = await until('the new function answers', () => client.call.summaryApi.summarize(TEXT, 1));
    assert.equal(summary.isOk, true);
    assert.ok(summary.value.tokensGenerated > 0);
    assert.equal(summary.value.receipt.codeHash, report.to.code_hash);
    assert.equal((await client.call.realmApi.healthCheck()).value.specVersion, before + 1);
    assert.equal(connections, 1, 'it never reconnected');
  });
}
