// What `papi add` makes of the node's metadata: compiled, never run.
import { createClient } from 'polkadot-api';
import { getWsProvider } from 'polkadot-api/ws';
import { realm } from '../.generated/papi/.papi/descriptors/dist/index.js';

// papi wants the optional fields named too.
const options = {
  max_tokens: 8, temperature: 700, top_k: undefined, top_p: undefined, min_p: undefined, repetition_penalty: undefined,
  presence_penalty: undefined, frequency_penalty: undefined, logit_bias: undefined, seed: 1n, stop: ['\n'], logprobs: undefined, speculation: undefined,
};

export async function generate(url: string): Promise<number> {
  const api = createClient(getWsProvider(url)).getTypedApi(realm);
  const made = await api.apis.RealmApi.generate('Once upon a time', options);
  // @ts-expect-error a misspelt field is refused
  await api.apis.RealmApi.generate('Once upon a time', { ...options, max_tokns: 8 });
  const health = await api.apis.RealmApi.health_check();
  if (!made.success || !health.success) throw new Error('refused');
  return made.value.tokens_generated + health.value.spec_version;
}
