// @realm/client for Node.js.

import { BaseClient } from './client.js';
import type { Encoding, KnownFunctions } from './functions.js';
import type { ClientSettings } from './settings.js';
import { nodeTransport } from './transport-node.js';

/** A connection to a node. */
export class RealmClient<F = KnownFunctions, E extends Encoding = 'json'> extends BaseClient<F, E> {
  constructor(settings: ClientSettings<E> = {}) {
    super(nodeTransport, settings, () => import('./runtime/runtime.js'));
  }
}

export { RealmError } from './errors.js';
export type { AnyFunctions, Encoding, FunctionType, FunctionValues, KnownFunctions, Register } from './functions.js';
export type { FunctionCodec } from './runtime/codec.js';
export type { Runtime, RuntimeFunction, RuntimeParameter, TypeReference } from './runtime/runtime.js';
export type { CallOptions, ClientEvents, ClientSettings, StreamOptions } from './settings.js';
export type { RealmStream } from './stream.js';
