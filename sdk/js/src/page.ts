// @realm/client for pages that call with JSON alone, the node's console above all: `realm-client.browser.js`. `runtime()` and
// `encoding: 'scale'` are refused here, and said to be in the other file.

import { BaseClient } from './client.js';
import type { KnownFunctions } from './functions.js';
import type { ClientSettings } from './settings.js';
import { browserTransport } from './transport-browser.js';

/** A connection to a node. */
export class RealmClient<F = KnownFunctions> extends BaseClient<F> {
  constructor(settings: ClientSettings<'json'> = {}) {
    super(browserTransport, settings);
  }
}

export { RealmError } from './errors.js';
