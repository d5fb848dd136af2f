// Calls whose values cross as SCALE, written and read here by the runtime's own metadata.
import { RealmClient } from '@realm/client';
import assert from 'node:assert/strict';
import test from 'node:test';
import { BaseClient } from '../dist/client.js';
import { Runtime } from '../dist/runtime/runtime.js';
import { nodeTransport } from '../dist/transport-node.js';
import { blob, connect, FlakyProxy, RealmNode, rejection, setting } from './support.mjs';

const HANG = { timeout: 60_000 };
const SCALE = { encoding: 'scale' };
const PROMPT = 'Once upon a time there was a fox';
const TEXT = 'A fox ran. A dog slept. The sun went down.';
/** 0.7, as thousandths. */
const WARM = 700;

/** Shows a test what its client sends, and lets it change what comes. */
class WatchedClient extends BaseClient {
  sent = [];
  sockets = 0;
  change = (frame) => frame;

  constructor(settings) {
    const open = (url, apiKey) => {
      const socket = nodeTransport.open(url, apiKey);
      this.sockets += 1;
      const watched = {
        send: (text) => {
          this.sent.push(JSON.parse(text));
          socket.send(text);
        },
        close: () => socket.close(),
      };
      for (const event of ['onopen', 'onclose', 'onerror']) socket[event] = (value) => watched[event]?.(value);
      socket.onmessage = ({ data }) => {
        const frame = this.change(JSON.parse(String(data)));
        if (frame) watched.onmessage({ data: JSON.stringify(frame) });
      };
      return watched;
    };
    super({ sendsKey: true, open }, settings, async () => ({ Runtime }));
  }

  /** The calls that went to the node: function, parameters and options of each. */
  get calls() {
    return this.sent.filter(({ method }) => method === 'realm_subscribe').map(({ params }) => params);
  }
}

const isNews = ({ params }) => params?.result?.specVersion !== undefined;

/** The float that these bits are. */
const float = (bits) => new Float32Array(Uint32Array.of(bits).buffer)[0];

test('both encodings give the same values', HANG, async (t) => {
  const node = await RealmNode.start(t);
  const client = await connect(t, RealmClient, { wsUrl: node.url });
  const scale = await connect(t, RealmClient, { wsUrl: node.url, ...SCALE });

  const [info, same] = [await client.call('get_model_info'), await client.call('get_model_info', {}, SCALE)];
  assert.equal(typeof same.parameter_count, 'bigint');
  assert.deepEqual(
    { ...same, parameter_count: Number(same.parameter_count), embedding_source: null },
    { ...info, embedding_source: null },
  );
  assert.match(same.model_hash, /^0x[0-9a-f]{64}$/);

  // A seed that no number holds. Flat, whole and by position are the same call.
  const seed = 2n ** 64n - 59n;
  const made = await client.call('generate', { prompt: PROMPT, max_tokens: 8, temperature: 0.7, seed: String(seed) });
  const inOptions = { max_tokens: 8, temperature: WARM, seed };
  for (const params of [
    { prompt: PROMPT, ...inOptions },
    { prompt: PROMPT, options: inOptions },
    { prompt: PROMPT, max_tokens: 8, options: { temperature: WARM, seed } },
    [PROMPT, inOptions],
  ]) {
    const { finish_reason, cost_usd, seed: used, logprobs, cached_tokens, ...rest } = await scale.call('generate', params);
    assert.deepEqual([finish_reason.type, used, logprobs, cost_usd], ['Length', seed, undefined, 0n]);
    const { text, tokens_generated, prompt_tokens, receipt } = made;
    assert.deepEqual(rest, { text, tokens_generated, prompt_tokens, receipt });
    assert.equal(typeof cached_tokens, 'number');
  }
  assert.deepEqual([made.finish_reason, made.seed], ['length', String(seed)]);

  const [vector, bits] = [await client.call('embed', { text: TEXT }), await client.call('embed', { text: TEXT }, SCALE)];
  assert.deepEqual(bits.map(float), vector.map(Math.fround));

  // The call's choice goes before the client's.
  assert.equal(typeof (await scale.call('get_model_info', {}, { encoding: 'json' })).parameter_count, 'number');
});

test('streams cross as SCALE too, and go on after a lost connection', HANG, async (t) => {
  // With a model that is not done before the connection is cut.
  const node = await RealmNode.start(t, { args: ['--model', setting('LONG_MODEL')] });
  const proxy = await FlakyProxy.start(t, node.port, () => 1, 1e9, 2e9);
  const client = await connect(t, RealmClient, { wsUrl: proxy.url });
  const whole = await client.call('generate', { prompt: PROMPT, max_tokens: 24, temperature: 0 });
  const back = new Promise((resolve) => client.on('reconnect', resolve));
  const stream = client.stream('generate', { prompt: PROMPT, max_tokens: 24, temperature: 0, logprobs: 1 }, SCALE);
  let text = '';
  for await (const item of stream) {
    if (text === '') proxy.cutAll();
    assert.equal(item.token, item.text);
    for (const { logprob } of item.logprobs ?? []) assert.ok(float(logprob) <= 0);
    text += item.text;
  }
  const result = await stream.result;
  assert.deepEqual([text, result.text, result.finish_reason.type], [whole.text, whole.text, 'Length']);
  assert.equal(whole.finish_reason, 'length');
  await back;
  const nothing = client.stream('health_check', {}, SCALE);
  for await (const item of nothing) assert.fail(`it streams ${item}`);
  assert.equal((await nothing.result).healthy, true);
});

test("what is wrong is said before anything is sent, and a runtime's error as in JSON", HANG, async (t) => {
  const node = await RealmNode.start(t);
  const client = await connect(t, WatchedClient, { wsUrl: node.url, ...SCALE });
  const refused = async (func, params, code, data) => {
    const error = await client.call(func, params).catch((error) => error);
    assert.deepEqual([error.code, error.data], [code, data], error.message);
  };
  await refused('generate', { prompt: PROMPT, max_tokns: 1 }, 'INVALID_PARAMS', { field: 'max_tokns', nearest: 'max_tokens' });
  await refused('generate', { prompt: PROMPT, options: { topk: 1 } }, 'INVALID_PARAMS', {
    field: 'options.topk',
    nearest: 'top_k',
  });
  await refused('generate', { prompt: PROMPT, temperature: 0.7 }, 'INVALID_PARAMS', { field: 'temperature' });
  await refused('generate', { prompt: PROMPT, max_tokens: 2 ** 32 }, 'INVALID_PARAMS', { field: 'max_tokens' });
  await refused('generate', { prompt: PROMPT, seed: 1 }, 'INVALID_PARAMS', { field: 'seed' });
  await refused('generate', { prompt: PROMPT, seed: -1n }, 'INVALID_PARAMS', { field: 'seed' });
  await refused('generate', { prompt: PROMPT, stop: ['a', 5] }, 'INVALID_PARAMS', { field: 'stop[1]' });
  await refused('generate', { prompt: PROMPT, max_tokens: 1, options: { max_tokens: 1 } }, 'INVALID_PARAMS', {
    field: 'max_tokens',
  });
  await refused('generate', {}, 'INVALID_PARAMS', { field: 'prompt' });
  await refused('generate', [PROMPT, {}, 1], 'INVALID_PARAMS', { field: 'params' });
  await refused('chat', { message: 'Hi', when_full: { type: 'DropNewest' } }, 'INVALID_PARAMS', {
    field: 'when_full',
    nearest: 'DropOldest',
  });
  await refused('generat', { prompt: PROMPT }, 'UNKNOWN_FUNCTION', { nearest: 'generate' });
  assert.deepEqual(client.calls, []);

  const [told, read] = await Promise.all([
    client.call('generate', { prompt: PROMPT, temperature: 9 }, { encoding: 'json' }).catch((error) => error),
    client.call('generate', { prompt: PROMPT, temperature: 9_000 }).catch((error) => error),
  ]);
  assert.deepEqual([read.code, read.message, read.data], [told.code, told.message, told.data]);
  assert.equal(read.data.field, 'options.temperature');
});

test('another runtime: the call is written anew and sent once more, over the same connection', HANG, async (t) => {
  const node = await RealmNode.start(t);
  const client = await connect(t, WatchedClient, { wsUrl: node.url, ...SCALE });
  const before = await client.runtime();
  assert.equal(before, await client.runtime());
  assert.equal(await rejection(client.call('summarize', { text: TEXT })), 'UNKNOWN_FUNCTION');

  // The upgrade's news is kept from the client: it finds out by the node's refusal.
  client.change = (frame) => (isNews(frame) ? undefined : frame);
  await client.request('realm_upgradeRuntime', [await blob()]);
  assert.equal((await client.call('health_check')).spec_version, 2);
  const [first, second, ...more] = client.calls.map(([, , options]) => options.runtime);
  const after = await client.runtime();
  assert.deepEqual([first, second, more], [before.hash, after.hash, []]);
  assert.notEqual(before.hash, after.hash);
  assert.deepEqual([before.specVersion, after.specVersion], [1, 2]);

  const summary = await client.call('summarize', { text: TEXT, sentences: 1 });
  assert.ok(summary.tokens_generated > 0);
  let text = '';
  for await (const item of client.stream('summarize', { text: TEXT, sentences: 1 })) text += item.text;
  assert.equal(text, summary.text);
  assert.equal(client.sockets, 1);
});

test('a function of a new runtime is there at once, by its news or without', HANG, async (t) => {
  const node = await RealmNode.start(t);
  const [told, untold] = [
    await connect(t, RealmClient, { wsUrl: node.url, ...SCALE }),
    await connect(t, WatchedClient, { wsUrl: node.url, ...SCALE }),
  ];
  const [old] = [await told.runtime(), await untold.runtime()];
  untold.change = (frame) => (isNews(frame) ? undefined : frame);
  const changed = new Promise((resolve) => told.on('runtimeChanged', resolve));
  await told.request('realm_upgradeRuntime', [await blob()]);
  assert.ok((await untold.call('summarize', { text: TEXT })).tokens_generated > 0);
  await changed;
  assert.ok((await told.call('summarize', { text: TEXT })).tokens_generated > 0);
  assert.ok((await told.runtime()).functions.some(({ name }) => name === 'summarize'));
  // Pinned by the caller: with that runtime or not at all.
  const pinned = { ...SCALE, runtime: old.hash };
  assert.equal(await rejection(told.call('health_check', {}, pinned)), 'RUNTIME_CHANGED');
  assert.equal((await told.call('health_check', {}, { ...SCALE, runtime: (await told.runtime()).hash })).healthy, true);
});

test('a call is not written anew for ever', HANG, async (t) => {
  const node = await RealmNode.start(t);
  const client = await connect(t, WatchedClient, { wsUrl: node.url, ...SCALE });
  const old = await client.request('state_getMetadata');
  await client.runtime();
  // Whatever the node says, the metadata that comes is the old one.
  client.change = (frame) =>
    typeof frame.result === 'string' && frame.result.startsWith('0x6d657461') ? { ...frame, result: old } : frame;
  await client.request('realm_upgradeRuntime', [await blob()]);
  const error = await client.call('health_check').catch((error) => error);
  assert.deepEqual([error.code, error.data.spec_version], ['RUNTIME_CHANGED', 2]);
  assert.equal(client.calls.length, 2);
});

test('metadata is decoded once, and tells of functions what the node tells', HANG, async (t) => {
  const node = await RealmNode.start(t);
  const client = await connect(t, RealmClient, { wsUrl: node.url });
  const [runtime, document] = [await client.runtime(), await client.metadata()];
  assert.deepEqual(
    [runtime.hash, runtime.specName, runtime.specVersion],
    [document.metadata_hash, document.spec_name, document.spec_version],
  );
  const told = runtime.functions
    .filter(({ api }) => !['Core', 'Metadata'].includes(api))
    .map(({ name, api, params, returns, errors, stream, docs }) => ({
      name,
      api,
      params: params.map(({ name, type, optional }) => ({ name, type, optional })),
      returns: returns.type,
      errors: errors?.type ?? null,
      stream: stream?.type ?? null,
      description: docs,
    }));
  const trimmed = ({ description, ...rest }) => ({
    ...rest,
    description: description
      .split('\n')
      .map((line) => line.trim())
      .join('\n'),
  });
  assert.deepEqual(told, document.functions.map(trimmed));
  await client.reconnect();
  assert.equal(await client.runtime(), runtime);
});
