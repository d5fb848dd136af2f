// The types of a runtime's metadata as they are declared there, and the little that is read off them alone.

import type { UnifiedMetadata } from '@polkadot-api/substrate-bindings';

/** All types, each at the place that is its number. */
export type Registry = UnifiedMetadata['lookup'];
export type Declared = Registry[number];

/** The type of this number. A number beyond the registry is metadata that contradicts itself. */
export function declared(registry: Registry, id: number): Declared {
  const type = registry[id];
  if (type === undefined) throw new Error(`the metadata refers to type ${id} and has ${registry.length}`);
  return type;
}

/** The last part of a type's path: `GenerateOptions`. Built-in types have none. */
export function ident(type: Declared): string | undefined {
  return type.path.at(-1);
}

/** The type inside of `Option`. */
export function someOf(type: Declared): number | undefined {
  if (type.path.length !== 1 || type.path[0] !== 'Option' || type.def.tag !== 'variant') return undefined;
  const [none, some, ...more] = type.def.value;
  const fits = none?.name === 'None' && none.fields.length === 0 && some?.name === 'Some' && more.length === 0;
  return fits && some.fields.length === 1 ? some.fields[0]?.type : undefined;
}

/** The types inside of `Result`. */
export function resultOf(type: Declared): { ok: number; err: number } | undefined {
  if (type.path.length !== 1 || type.path[0] !== 'Result' || type.def.tag !== 'variant') return undefined;
  const [ok, err, ...more] = type.def.value;
  if (ok?.name !== 'Ok' || err?.name !== 'Err' || more.length > 0) return undefined;
  const [good, bad] = [ok.fields[0]?.type, err.fields[0]?.type];
  return good === undefined || bad === undefined ? undefined : { ok: good, err: bad };
}
