// @polkadot/api, unmodified: typed calls, a hot swap without reconnecting, the new function.
import { ApiPromise, WsProvider } from '@polkadot/api';
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { RealmNode } from './support/node.mjs';
import { PROMPT, TEXT, TOKENS } from './support/texts.mjs';
import { until } from './support/until.mjs';

test('polkadot.js calls, follows a swap and calls the new function', async (t) => {
  const node = await RealmNode.start(t);
  const provider = new WsProvider(node.url);
  let connections = 0;
  provider.on('connected', () => (connections += 1));
  const api = await ApiPromise.create({ provider, noInitWarn: true });
  node.beforeStop(() => api.disconnect());
  const before = api.runtimeVersion.specVersion.toNumber();

  const health = (await api.call.realmApi.healthCheck()).asOk;
  assert.equal(health.healthy.isTrue, true);
  assert.equal(health.specVersion.toNumber(), before);
  const info = (await api.call.realmApi.getModelInfo()).asOk;
  assert.equal(info.architecture.toString(), 'llama');
  assert.ok(info.contextLength.toNumber() > 0);
  const made = (await api.call.realmApi.generate(PROMPT, { maxTokens: TOKENS, temperature: 0 })).asOk;
  assert.equal(made.tokensGenerated.toNumber(), TOKENS);
  assert.equal(made.finishReason.isLength, true);
  assert.ok(made.text.toString().length > 0);
  const refused = await api.call.realmApi.generate(PROMPT, { temperature: 9000 });
  assert.equal(refused.asErr.isInvalidParams, true);
  assert.equal(refused.asErr.asInvalidParams.field.toString(), 'options.temperature');
  assert.equal(api.call.summaryApi, undefined);

  const report = await node.upgrade();
  await until('the new function appears', () => api.call.summaryApi?.summarize);
  assert.equal(api.runtimeVersion.specVersion.toNumber(), before + 1);
  const summary = (await api.call.summaryApi.summarize(TEXT, 1)).asOk;
  assert.ok(summary.tokensGenerated.toNumber() > 0);
  assert.equal(summary.receipt.codeHash.toHex(), report.to.code_hash);
  assert.equal((await api.call.realmApi.healthCheck()).asOk.specVersion.toNumber(), before + 1);
  assert.equal(connections, 1, 'it never reconnected');
});
