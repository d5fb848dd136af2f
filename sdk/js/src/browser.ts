// @realm/client for browsers: for bundlers, and all of it in one module as `realm-client-scale.browser.js`. What reads SCALE is
// imported when it is needed first, so that bundlers can put it into a file of its own.

import { BaseClient } from './client.js';
import type { Encoding, KnownFunctions } from './functions.js';
import type { ClientSettings } from './settings.js';
import { browserTransport } from './transport-browser.js';

/** A connection to a node. */
export class RealmClient<F = KnownFunctions, E extends Encoding = 'json'> extends BaseClient<F, E> {
  constructor(settings: ClientSettings<E> = {}) {
    super(browserTransport, settings, () => import('./runtime/runtime.js'));
  }
}

export { RealmError } from './errors.js';
