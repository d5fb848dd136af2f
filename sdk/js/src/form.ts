// How a call's values cross: what is sent for its parameters, and how what comes back is read. JSON crosses as it is.

import { RealmError } from './errors.js';
import { STREAMING_TWIN } from './functions.js';
import type { Known } from './known.js';
import type { Runtime } from './runtime/runtime.js';

/** Reads what the node sends of a call. */
export interface Reader {
  item(data: unknown): unknown;
  /** Throws a RealmError if the function returned an error. */
  result(data: unknown): unknown;
}

/** A call as it is sent. */
export interface Form {
  func: string;
  params: unknown;
  /** The metadata hash that it is pinned to. */
  pin: string | undefined;
  reader: Reader;
  /** The runtime by whose types it is written. */
  runtime: Runtime | undefined;
}

export const AS_IT_IS: Reader = { item: (data) => data, result: (data) => data };

/** What a caller asked for. */
export interface Wanted {
  func: string;
  params: unknown;
  /** The caller's own pin. */
  pin: string | undefined;
  /** Whether items are read: then a function that has none is called by its streaming twin, if there is one. */
  streams: boolean;
}

export async function inJson(known: Known, { func, params, pin, streams }: Wanted): Promise<Form> {
  const named = streams ? streaming((await known.document()).functions, func) : func;
  return { func: named, params, pin, reader: AS_IT_IS, runtime: undefined };
}

/** Throws what is wrong with the parameters, and RUNTIME_CHANGED if the caller wants another runtime; both may be so
 * because the runtime is another by now. */
export function inScale(runtime: Runtime, { func: name, params, pin, streams }: Wanted): Form {
  if (pin !== undefined && pin.toLowerCase() !== runtime.hash) {
    const data = { metadata_hash: runtime.hash, spec_name: runtime.specName, spec_version: runtime.specVersion };
    throw new RealmError('RUNTIME_CHANGED', `the runtime in force has the metadata ${runtime.hash}`, data);
  }
  const func = streams ? runtime.streaming(runtime.function(name)) : runtime.function(name);
  const codec = runtime.codec(func);
  return { func: func.fullName, params: codec.encode(params), pin: runtime.hash, reader: codec, runtime };
}

/** The function itself, or its streaming twin, by the node's document. */
function streaming(functions: any[], func: string): string {
  const known = functions.find(({ name }) => name === func);
  if (!known || known.stream !== null) return func;
  const same = (other: any) => other.returns === known.returns && JSON.stringify(other.params) === JSON.stringify(known.params);
  const twin = functions.find((other) => other.name === STREAMING_TWIN + func && other.stream !== null && same(other));
  return twin?.name ?? func;
}
