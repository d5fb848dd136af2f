// @polkadot/api, unmodified: typed calls, a hot swap without reconnecting, the new function.
import { ApiPromise, WsProvider } from '@polkadot/api';
import { PROMPT, TEXT, check, commandLine, rollBack, until, upgrade } from './common.mjs';

const { url, blob } = commandLine();
const provider = new WsProvider(url);
let connections = 0;
provider.on('connected', () => (connections += 1));
const api = await ApiPromise.create({ provider, noInitWarn: true });

const health = await api.call.realmApi.healthCheck();
check('health_check answers', health.isOk, health.toHuman());
check('its result is typed', health.asOk.specVersion.toNumber() === api.runtimeVersion.specVersion.toNumber());
const info = await api.call.realmApi.getModelInfo();
check('get_model_info answers', info.isOk && info.asOk.contextLength.toNumber() > 0, info.toHuman());
const made = await api.call.realmApi.generate(PROMPT, { maxTokens: 8, temperature: 0 });
check('generate answers', made.isOk && made.asOk.tokensGenerated.toNumber() > 0, made.toHuman());
const refused = await api.call.realmApi.generate(PROMPT, { temperature: 9000 });
check('a refusal is typed', refused.isErr && refused.asErr.isInvalidParams, refused.toHuman());

const before = api.runtimeVersion.specVersion.toNumber();
await upgrade(url, blob);
await until('the new function appears', () => api.call.summaryApi?.summarize);
check('the version grew', api.runtimeVersion.specVersion.toNumber() > before);
const summary = await api.call.summaryApi.summarize(TEXT, 1);
check('the new function answers', summary.isOk && summary.asOk.tokensGenerated.toNumber() > 0, summary.toHuman());
check('it never reconnected', connections <= 1, connections);
await rollBack(url);
await api.disconnect();
