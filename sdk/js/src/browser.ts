// @realm/client for browsers.

import { BaseClient, type ClientSettings } from './client.js';
import type { KnownFunctions } from './functions.js';
import { browserTransport } from './transport-browser.js';

/** A connection to a node. */
export class RealmClient<F = KnownFunctions> extends BaseClient<F> {
  constructor(settings: ClientSettings = {}) {
    super(browserTransport, settings);
  }
}

export { RealmError } from './errors.js';
