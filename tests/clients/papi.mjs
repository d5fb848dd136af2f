// polkadot-api (papi), unmodified: typed calls, a hot swap without reconnecting, the new function.
import { createClient } from 'polkadot-api';
import { getWsProvider } from 'polkadot-api/ws';
import WebSocket from 'ws';
import { PROMPT, TEXT, check, commandLine, rollBack, until, upgrade } from './common.mjs';

const { url, blob } = commandLine();
const statuses = [];
const provider = getWsProvider(url, { websocketClass: WebSocket, onStatusChanged: (status) => statuses.push(status) });
const client = createClient(provider);
const api = client.getUnsafeApi();

const OPTIONS = {
  max_tokens: 8, temperature: 0, top_k: undefined, top_p: undefined, min_p: undefined, repetition_penalty: undefined,
  presence_penalty: undefined, frequency_penalty: undefined, logit_bias: undefined, seed: 1n, stop: undefined, logprobs: undefined,
};

const health = await api.apis.RealmApi.health_check();
check('health_check answers', health.success && health.value.spec_version === 1, health);
const info = await api.apis.RealmApi.get_model_info();
check('get_model_info answers', info.success && info.value.context_length > 0, info);
const made = await api.apis.RealmApi.generate(PROMPT, OPTIONS);
check('generate answers', made.success && made.value.tokens_generated > 0, made);
const refused = await api.apis.RealmApi.generate(PROMPT, { ...OPTIONS, temperature: 9000 });
check('a refusal is typed', !refused.success && refused.value.type === 'InvalidParams', refused);

await upgrade(url, blob);
await until('the new function answers', async () => {
  try {
    const summary = await api.apis.SummaryApi.summarize(TEXT, 1);
    return summary.success && summary.value.tokens_generated > 0;
  } catch {
    return false;
  }
});
check('it connected once', statuses.length > 0 && statuses.filter((status) => status.type === 1).length <= 1, statuses);
// Destroyed first: it would follow the way back too, and be cut off in the middle of that.
client.destroy();
await rollBack(url);
process.exit(0);
