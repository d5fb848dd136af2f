// What @polkadot/typegen makes of the node's metadata: compiled, never run.
import '../.generated/polkadot-js/augment-api.js';
import '../.generated/polkadot-js/types-lookup.js';
import { ApiPromise, WsProvider } from '@polkadot/api';
import type { RealmPrimitivesGenerateGenerateOptions } from '@polkadot/types/lookup';

export async function generate(url: string): Promise<number> {
  const api = await ApiPromise.create({ provider: new WsProvider(url) });
  const made = await api.call.realmApi.generate('Once upon a time', { maxTokens: 8, temperature: 700, stop: ['\n'] });
  // @ts-expect-error a misspelt field is refused
  await api.call.realmApi.generate('Once upon a time', { maxTokns: 8 });
  const health = (await api.call.realmApi.healthCheck()).asOk;
  return made.asOk.tokensGenerated.toNumber() + health.specVersion.toNumber();
}

export function seedOf(options: RealmPrimitivesGenerateGenerateOptions): bigint {
  return options.seed.unwrapOrDefault().toBigInt();
}
