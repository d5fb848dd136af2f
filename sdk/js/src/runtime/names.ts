// Names of types for people, as the node gives them: `Option<u32>`, `Vec<ChatMessage>`, `[u8; 32]`.

import { declared, ident, type Registry } from './registry.js';

/** Parameters inside parameters, at most; deeper ones are `..`. */
const NESTING_MAX = 8;
const PRIMITIVES: Record<string, string> = { str: 'String' };

/** A name for every type, by number. Where two types would share one, both get their whole path. */
export function typeNames(registry: Registry): string[] {
  const short = registry.map((_, id) => name(registry, id, false, NESTING_MAX));
  const holders = new Map<string, number>();
  registry.forEach((type, id) => {
    if (type.path.length > 0) holders.set(short[id]!, (holders.get(short[id]!) ?? 0) + 1);
  });
  const isShared = (id: number) => registry[id]!.path.length > 0 && holders.get(short[id]!)! > 1;
  return short.map((text, id) => (isShared(id) ? name(registry, id, true, NESTING_MAX) : text));
}

function name(registry: Registry, id: number, whole: boolean, nestingLeft: number): string {
  if (nestingLeft === 0) return '..';
  const type = declared(registry, id);
  const inner = (of: number) => name(registry, of, false, nestingLeft - 1);
  const own = ident(type);
  if (own !== undefined) {
    const given = type.params.flatMap(({ type: parameter }) => (parameter === undefined ? [] : [inner(parameter)]));
    return (whole ? type.path.join('::') : own) + (given.length > 0 ? `<${given.join(', ')}>` : '');
  }
  const { def } = type;
  switch (def.tag) {
    case 'primitive':
      return PRIMITIVES[def.value.tag] ?? def.value.tag;
    case 'sequence':
      return `Vec<${inner(def.value)}>`;
    case 'array':
      return `[${inner(def.value.type)}; ${def.value.len}]`;
    case 'compact':
      return `Compact<${inner(def.value)}>`;
    case 'tuple':
      return `(${def.value.map(inner).join(', ')})`;
    case 'composite':
      return 'struct';
    case 'variant':
      return 'enum';
    case 'bitSequence':
      return 'BitVec';
  }
}
