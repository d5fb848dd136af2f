// A runtime's own error, as the node reports it to who reads JSON: the variant's name is the code, its fields are the data.

import type { LookupEntry } from '@polkadot-api/metadata-builders';
import { RealmError } from '../errors.js';
import { declared, ident, type Registry } from './registry.js';
import { snake, text } from './shape.js';

/** What `Err` held, of this type, as the error that a call rejects with. */
export function failure(registry: Registry, entry: LookupEntry, held: any): RealmError {
  if (entry.type !== 'enum') {
    const name = ident(declared(registry, entry.id)) ?? 'INTERNAL';
    return new RealmError(code(name), message(name, '', held), { value: held });
  }
  const variant = String(held.type);
  const docs = text(entry.innerDocs[variant] ?? []);
  const fields = held.value;
  // The message is the error's already.
  const { message: _, ...data }: Record<string, unknown> = isFields(fields)
    ? fields
    : fields === undefined
      ? {}
      : { value: fields };
  return new RealmError(code(variant), message(variant, docs, fields), data);
}

function code(name: string): string {
  return snake(name).toUpperCase();
}

/** Its texts `field` and `message`, its only text, or else its doc comment and its fields. */
function message(variant: string, docs: string, fields: unknown): string {
  const { field, message: said } = isFields(fields) ? fields : { field: undefined, message: fields };
  if (typeof said === 'string') return typeof field === 'string' ? `${field}: ${said}` : said;
  const about = docs.replaceAll('\n', ' ').replace(/\.+$/, '') || variant;
  const figures = isFields(fields) ? Object.entries(fields).map(([name, value]) => `${name} ${String(value)}`) : [];
  return figures.length > 0 ? `${about} (${figures.join(', ')})` : about;
}

function isFields(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value) && !(value instanceof Uint8Array);
}
