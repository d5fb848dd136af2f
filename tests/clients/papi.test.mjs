// polkadot-api (papi), unmodified: typed calls, a hot swap without reconnecting, the new function.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { OPTIONS, connect } from './support/papi.mjs';
import { RealmNode } from './support/node.mjs';
import { PROMPT, TEXT, TOKENS } from './support/texts.mjs';
import { until } from './support/until.mjs';

test('papi calls, follows a swap and calls the new function', async (t) => {
  const node = await RealmNode.start(t);
  const { client, connections } = connect(node);
  const api = client.getUnsafeApi();

  const health = await api.apis.RealmApi.health_check();
  assert.equal(health.success, true);
  assert.equal(health.value.healthy, true);
  const before = health.value.spec_version;
  const info = await api.apis.RealmApi.get_model_info();
  assert.equal(info.success, true);
  assert.equal(info.value.architecture, 'llama');
  assert.ok(info.value.context_length > 0);
  const made = await api.apis.RealmApi.generate(PROMPT, OPTIONS);
  assert.equal(made.success, true);
  assert.equal(made.value.tokens_generated, TOKENS);
  assert.equal(made.value.finish_reason.type, 'Length');
  const refused = await api.apis.RealmApi.generate(PROMPT, { ...OPTIONS, temperature: 9000 });
  assert.equal(refused.success, false);
  assert.equal(refused.value.type, 'InvalidParams');
  assert.equal(refused.value.value.field, 'options.temperature');

  const report = await node.upgrade();
  const summary = await until('the new function answers', () => api.apis.SummaryApi.summarize(TEXT, 1));
  assert.equal(summary.success, true);
  assert.ok(summary.value.tokens_generated > 0);
  assert.equal(String(summary.value.receipt.code_hash.asHex?.() ?? summary.value.receipt.code_hash), report.to.code_hash);
  assert.equal((await api.apis.RealmApi.health_check()).value.spec_version, before + 1);
  assert.equal(connections(), 1, 'it never reconnected');
});
