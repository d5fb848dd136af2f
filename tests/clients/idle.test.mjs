// papi drops a socket that says nothing for 40 s, so a client that only waits lives by the node's heartbeat blocks;
// neither those nor the wait may harm a generation that takes a minute.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { OPTIONS, connect } from './support/papi.mjs';
import { RealmNode } from './support/node.mjs';
import { PROMPT } from './support/texts.mjs';

const IDLE_MS = 60_000;
/** Tokens that the speed of this machine is measured by. */
const TRIAL_TOKENS = 100;
/** What fits into the model's context, whatever the machine could make in a minute. */
const TOKENS_MAX = 32_000;

test('an idle papi client and a generation of a minute live side by side', async (t) => {
  const model = process.env.LONG_MODEL;
  assert.ok(model, 'LONG_MODEL is set by tests/suites/stock-clients.sh');
  const folder = await mkdtemp(join(tmpdir(), 'realm-idle-'));
  t.after(() => rm(folder, { recursive: true, force: true }));
  const spec = JSON.parse(execFileSync(process.env.REALM, ['build-spec', '--chain', 'dev']));
  for (const tenant of spec.tenants) tenant.limits.max_tokens = 1 << 20;
  await writeFile(join(folder, 'chain.json'), JSON.stringify(spec));
  const node = await RealmNode.start(t, { chain: join(folder, 'chain.json') }, '--model', model, '--threads', '1');

  const idle = connect(node);
  const busy = connect(node);
  const healthOf = (client) => client.getUnsafeApi().apis.RealmApi.health_check();
  const generate = async (max_tokens) => {
    const made = await busy.client.getUnsafeApi().apis.RealmApi.generate(PROMPT, { ...OPTIONS, max_tokens });
    assert.equal(made.success, true);
    return made.value.tokens_generated;
  };
  assert.equal((await healthOf(idle.client)).success, true);

  const began = Date.now();
  await generate(TRIAL_TOKENS);
  // A little more than a minute's, because the machine may have less to do later.
  const tokens = Math.min(Math.round((1.2 * TRIAL_TOKENS * IDLE_MS) / (Date.now() - began)), TOKENS_MAX);
  const asked = Date.now();
  const generation = generate(tokens).then((generated) => {
    t.diagnostic(`${generated} tokens in ${Math.round((Date.now() - asked) / 1000)} s`);
    return generated;
  });
  const [generated] = await Promise.all([generation, sleep(IDLE_MS)]);
  assert.equal(generated, tokens);
  assert.equal((await healthOf(idle.client)).success, true);
  assert.deepEqual([idle.connections(), busy.connections()], [1, 1], 'neither reconnected');
});
