// A value before it is encoded. The codecs write whatever they are given: a text where a number belongs becomes 0, and a
// field that nothing takes is dropped. So everything is looked at here first, and what may be left out is filled in.

import type { EnumVar, LookupEntry, StructVar, TerminalVar } from '@polkadot-api/metadata-builders';
import { RealmError } from '../errors.js';
import { hint, nearest } from './nearest.js';

/** Values inside values, at most; the node takes no more either. */
const DEPTH_MAX = 96;
/** Integers up to this width are numbers, wider ones bigints. */
export const NUMBER_BITS_MAX = 32;
const HEX = /^0x([0-9a-f]{2})*$/i;

type Inside = EnumVar['value'][string];

/** The value as the codec of this type takes it. `path` says where it stands. Throws INVALID_PARAMS. */
export function fit(entry: LookupEntry, value: unknown, path: string, depth = 0): unknown {
  if (depth > DEPTH_MAX) throw invalid(path, `deeper than ${DEPTH_MAX} values`);
  if (value === undefined && mayBeAbsent(entry)) return entry.type === 'struct' ? members(entry, {}, path, depth) : undefined;
  if (value === undefined) throw invalid(path, 'missing');
  const items = (of: LookupEntry, values: unknown[]) => values.map((item, at) => fit(of, item, `${path}[${at}]`, depth + 1));
  switch (entry.type) {
    case 'option':
      return value === null ? undefined : fit(entry.value, value, path, depth + 1);
    case 'struct':
      return members(entry, record(value, path), path, depth);
    case 'enum':
      return variant(entry, value, path, depth);
    case 'result': {
      const { success, value: held } = record(value, path);
      if (typeof success !== 'boolean') throw wrong(path, '{ success, value }', value);
      return { success, value: fit(success ? entry.value.ok : entry.value.ko, held, path, depth + 1) };
    }
    case 'tuple':
      return tuple(entry.value, value, path, depth);
    case 'sequence':
      if (isByte(entry.value)) {
        if (value instanceof Uint8Array) return value;
        throw wrong(path, 'Uint8Array', value);
      }
      return items(entry.value, array(value, path));
    case 'array':
      if (isByte(entry.value)) {
        if (typeof value === 'string' && HEX.test(value) && value.length === 2 + 2 * entry.len) return value;
        throw wrong(path, `0x and ${2 * entry.len} hex digits`, value);
      }
      return items(entry.value, array(value, path, entry.len));
    default:
      return terminal(entry, value, path);
  }
}

/** What a value that is left out may stand for: an absent option, nothing, or a struct of only such fields. */
export function mayBeAbsent(entry: LookupEntry, within: ReadonlySet<LookupEntry> = new Set()): boolean {
  if (entry.type === 'option' || entry.type === 'void') return true;
  // A type that contains itself without an option between cannot be filled in.
  if (entry.type !== 'struct' || within.has(entry)) return false;
  const inside = new Set(within).add(entry);
  return Object.values(entry.value).every((field) => mayBeAbsent(field, inside));
}

/** The fields of a struct: all that it has, and none that it has not. */
export function members(
  entry: StructVar,
  given: Record<string, unknown>,
  path: string,
  depth: number,
): Record<string, unknown> {
  const at = (name: string) => (path === '' ? name : `${path}.${name}`);
  const known = Object.keys(entry.value);
  for (const name of Object.keys(given))
    if (!Object.hasOwn(entry.value, name)) throw unknown(at(name), 'nothing takes this', nearest(name, known));
  return Object.fromEntries(
    Object.entries(entry.value).map(([name, field]) => [
      name,
      fit(field, Object.hasOwn(given, name) ? given[name] : undefined, at(name), depth + 1),
    ]),
  );
}

function variant(entry: EnumVar, value: unknown, path: string, depth: number): { type: string; value: unknown } {
  const { type, value: held } = record(value, path);
  if (typeof type !== 'string') throw wrong(path, '{ type, value }', value);
  const inside = Object.hasOwn(entry.value, type) ? entry.value[type] : undefined;
  if (inside === undefined) throw unknown(path, `there is no variant ${shown(type)}`, nearest(type, Object.keys(entry.value)));
  return { type, value: content(inside, held, `${path}.${type}`, depth) };
}

function content(inside: Inside, held: unknown, path: string, depth: number): unknown {
  switch (inside.type) {
    case 'void':
      if (held === undefined) return undefined;
      throw wrong(path, 'nothing', held);
    case 'lookupEntry':
      return fit(inside.value, held, path, depth + 1);
    case 'struct':
      return members(inside, record(held, path), path, depth + 1);
    case 'tuple':
      return tuple(inside.value, held, path, depth + 1);
    case 'array':
      return tuple(
        Array.from({ length: inside.len }, () => inside.value),
        held,
        path,
        depth + 1,
      );
  }
}

function tuple(types: LookupEntry[], value: unknown, path: string, depth: number): unknown[] {
  const values = array(value, path, types.length);
  return types.map((type, at) => fit(type, values[at], `${path}[${at}]`, depth + 1));
}

function terminal(entry: TerminalVar, value: unknown, path: string): unknown {
  switch (entry.type) {
    case 'void':
      throw wrong(path, 'nothing', value);
    case 'bitSequence':
      if (array(value, path).every((bit) => bit === 0 || bit === 1)) return value;
      throw wrong(path, 'array of 0 and 1', value);
    case 'AccountId32':
    case 'AccountId20':
      if (typeof value === 'string') return value;
      throw wrong(path, 'string', value);
    case 'compact':
      return integer(entry.size, value, path);
    case 'primitive':
      if (entry.value === 'bool' || entry.value === 'str' || entry.value === 'char') {
        const type = entry.value === 'bool' ? 'boolean' : 'string';
        if (typeof value === type) return value;
        throw wrong(path, type, value);
      }
      return integer(entry.value, value, path);
  }
}

function integer(type: string, value: unknown, path: string): number | bigint {
  const [isSigned, bits] = [type.startsWith('i'), Number(type.slice(1))];
  const isNumber = bits <= NUMBER_BITS_MAX;
  const isRight = isNumber ? Number.isInteger(value) : typeof value === 'bigint';
  if (!isRight) throw wrong(path, isNumber ? 'integer' : 'bigint', value);
  const [least, end] = isSigned ? [-(2n ** BigInt(bits - 1)), 2n ** BigInt(bits - 1)] : [0n, 2n ** BigInt(bits)];
  const exact = BigInt(value as number | bigint);
  if (exact < least || exact >= end) throw invalid(path, `must be from ${least} to ${end - 1n}, got ${exact}`);
  return value as number | bigint;
}

export function isByte(entry: LookupEntry): boolean {
  return entry.type === 'primitive' && entry.value === 'u8';
}

export function record(value: unknown, path: string): Record<string, unknown> {
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value as Record<string, unknown>;
  throw wrong(path, 'object', value);
}

function array(value: unknown, path: string, length?: number): unknown[] {
  if (Array.isArray(value) && (length === undefined || value.length === length)) return value;
  throw wrong(path, length === undefined ? 'array' : `array of ${length}`, value);
}

function wrong(path: string, expected: string, value: unknown): RealmError {
  return invalid(path, `expected ${expected}, got ${shown(value)}`);
}

/** A name that is none, and the one that may be meant. */
export function unknown(path: string, why: string, meant: string | undefined): RealmError {
  return new RealmError('INVALID_PARAMS', `${path}: ${why}${hint(meant)}`, {
    field: path,
    ...(meant !== undefined && { nearest: meant }),
  });
}

export function invalid(path: string, why: string): RealmError {
  return new RealmError('INVALID_PARAMS', `${path}: ${why}`, { field: path });
}

function shown(value: unknown): string {
  if (typeof value === 'string') return `string ${JSON.stringify(value.length > 40 ? `${value.slice(0, 40)}..` : value)}`;
  if (typeof value === 'number' || typeof value === 'bigint' || typeof value === 'boolean') return `${typeof value} ${value}`;
  if (value === null) return 'null';
  return Array.isArray(value) ? `array of ${value.length}` : typeof value;
}
