// What the node makes of a type in JSON. The registry has the types; the node's rules for them stand in docs of its crate
// `metadata`: some newtypes are numbers of units, known by name and inner type together, and byte vectors are hex.

import { declared, ident, someOf, type Declared, type Registry } from './registry.js';

export interface Member {
  name: string;
  type: number;
  docs: string;
}

export interface Choice {
  /** As JSON has it: `context_overflow`. */
  name: string;
  fields: Fields;
  docs: string;
}

/** What stands in a struct, or in a variant. */
export type Fields =
  | { kind: 'unit' }
  | { kind: 'newtype'; of: number }
  | { kind: 'tuple'; items: number[] }
  | { kind: 'struct'; fields: Member[] };

export type Shape =
  | Fields
  | { kind: 'boolean' }
  | { kind: 'string' }
  | { kind: 'integer'; bits: number }
  /** A number of units that SCALE holds as an integer. */
  | { kind: 'number' }
  | { kind: 'hex' }
  | { kind: 'array'; of: number }
  | { kind: 'option'; of: number }
  | { kind: 'enum'; variants: Choice[] }
  | { kind: 'map'; key: number; value: number }
  /** A type that JSON has no form for. */
  | { kind: 'scaleOnly' };

/** Newtypes that JSON shows as numbers of units, and what they must hold to be those. */
const NUMBERS: Record<string, string> = { F32: 'u32', Milli: 'u32', SignedMilli: 'i32', NanoUsd: 'u64' };

export function shapeOf(registry: Registry, id: number): Shape {
  const type = declared(registry, id);
  const { def } = type;
  switch (def.tag) {
    case 'primitive':
      return primitive(def.value.tag);
    case 'compact':
      return compact(registry, def.value);
    case 'sequence':
      return isByte(registry, def.value) ? { kind: 'hex' } : { kind: 'array', of: def.value };
    case 'array':
      return isByte(registry, def.value.type) ? { kind: 'hex' } : { kind: 'array', of: def.value.type };
    case 'tuple':
      return def.value.length === 0 ? { kind: 'unit' } : { kind: 'tuple', items: def.value };
    case 'bitSequence':
      return { kind: 'scaleOnly' };
    case 'composite':
      return special(registry, type, fieldsOf(def.value));
    case 'variant': {
      const some = someOf(type);
      if (some !== undefined) return { kind: 'option', of: some };
      const names = def.value.map((variant) => snake(variant.name));
      const unique = new Set(names).size === names.length;
      const variants = def.value.map(({ name, fields, docs }, at) => ({
        name: unique ? names[at]! : name,
        fields: fieldsOf(fields),
        docs: text(docs),
      }));
      return { kind: 'enum', variants };
    }
  }
}

/** The shape that decides how a type looks: newtypes peeled off. */
export function peeled(registry: Registry, id: number): Shape {
  const seen = new Set<number>();
  for (let at = id; ;) {
    const shape = shapeOf(registry, at);
    // A circle of newtypes has no values.
    if (shape.kind !== 'newtype' || seen.has(at)) return shape;
    seen.add(at);
    at = shape.of;
  }
}

/** Whether a value may be left out: an absent `Option`, nothing at all, or a struct of only such fields. */
export function isOptional(registry: Registry, id: number, within: ReadonlySet<number> = new Set()): boolean {
  // A type that contains itself without an `Option` between cannot be filled in.
  if (within.has(id)) return false;
  const inside = new Set(within).add(id);
  const shape = shapeOf(registry, id);
  switch (shape.kind) {
    case 'unit':
    case 'option':
      return true;
    case 'newtype':
      return isOptional(registry, shape.of, inside);
    case 'struct':
      return shape.fields.every(({ type }) => isOptional(registry, type, inside));
    default:
      return false;
  }
}

/** Lines of documentation as one text. */
export function text(docs: readonly string[]): string {
  return docs
    .map((line) => line.trim())
    .join('\n')
    .trim();
}

/** `ContextOverflow` as `context_overflow`, `HTTPError` as `http_error`. */
export function snake(name: string): string {
  return name
    .replace(/([\p{Ll}\d])(\p{Lu})/gu, '$1_$2')
    .replace(/(\p{Lu})(\p{Lu}\p{Ll})/gu, '$1_$2')
    .toLowerCase();
}

type RegistryFields = Extract<Declared['def'], { tag: 'composite' }>['value'];

function fieldsOf(fields: RegistryFields): Fields {
  if (fields.length === 0) return { kind: 'unit' };
  if (fields.every(({ name }) => name !== undefined)) {
    return { kind: 'struct', fields: fields.map(({ name, type, docs }) => ({ name: name!, type, docs: text(docs) })) };
  }
  const items = fields.map(({ type }) => type);
  return items.length === 1 ? { kind: 'newtype', of: items[0]! } : { kind: 'tuple', items };
}

function special(registry: Registry, type: Declared, fields: Fields): Shape {
  const own = ident(type);
  if (own === undefined || fields.kind !== 'newtype') return fields;
  const inner = declared(registry, fields.of).def;
  if (inner.tag === 'primitive' && Object.hasOwn(NUMBERS, own) && NUMBERS[own] === inner.value.tag) return { kind: 'number' };
  if (own === 'BTreeMap' && inner.tag === 'sequence') {
    const entry = declared(registry, inner.value).def;
    if (entry.tag === 'tuple' && entry.value.length === 2) return { kind: 'map', key: entry.value[0]!, value: entry.value[1]! };
  }
  return fields;
}

function primitive(tag: string): Shape {
  if (tag === 'bool') return { kind: 'boolean' };
  if (tag === 'str' || tag === 'char') return { kind: 'string' };
  const bits = Number(tag.slice(1));
  return bits <= 128 ? { kind: 'integer', bits } : { kind: 'scaleOnly' };
}

/** `Compact` is defined for unsigned integers, for nothing, and for newtypes of them. */
function compact(registry: Registry, id: number): Shape {
  const { def } = declared(registry, id);
  const only = def.tag === 'composite' && def.value.length === 1 ? def.value[0]!.type : undefined;
  const shape = only === undefined || only === id ? shapeOf(registry, id) : compact(registry, only);
  return shape.kind === 'integer' || shape.kind === 'unit' ? shape : { kind: 'scaleOnly' };
}

function isByte(registry: Registry, id: number): boolean {
  const { def } = declared(registry, id);
  return def.tag === 'primitive' && def.value.tag === 'u8';
}
