// @realm/client for Node.js.

import { BaseClient, type ClientSettings } from './client.js';
import type { KnownFunctions } from './functions.js';
import { nodeTransport } from './transport-node.js';

/** A connection to a node. */
export class RealmClient<F = KnownFunctions> extends BaseClient<F> {
  constructor(settings: ClientSettings = {}) {
    super(nodeTransport, settings);
  }
}

export type { CallOptions, ClientEvents, ClientSettings, StreamOptions } from './client.js';
export { RealmError } from './errors.js';
export type { AnyFunctions, FunctionType, KnownFunctions, Register } from './functions.js';
export type { RealmStream } from './stream.js';
