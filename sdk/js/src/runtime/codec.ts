// One function's values to SCALE and back, by the codecs that the metadata's library builds.

import type { getDynamicBuilder, LookupEntry, MetadataLookup, StructVar } from '@polkadot-api/metadata-builders';
import { Binary } from '@polkadot-api/substrate-bindings';
import { RealmError } from '../errors.js';
import { failure } from './failure.js';
import { fit, invalid, members, record, unknown } from './fit.js';
import { nearest } from './nearest.js';
import type { RuntimeFunction } from './runtime.js';

/** The parameter whose fields may stand beside the others, as in JSON. */
const FLAT_PARAMETER = 'options';

type Builder = ReturnType<typeof getDynamicBuilder>;

export class FunctionCodec {
  readonly #call: ReturnType<Builder['buildRuntimeCall']>;
  readonly #item: ReturnType<Builder['buildDefinition']> | undefined;
  readonly #inputs: { name: string; entry: LookupEntry }[];
  readonly #output: LookupEntry;

  /** Throws INVALID_PARAMS if the function has types that the codecs cannot write. */
  constructor(
    private readonly lookup: MetadataLookup,
    builder: Builder,
    private readonly func: RuntimeFunction,
  ) {
    this.#inputs = func.params.map(({ name, typeId }) => ({ name, entry: lookup(typeId) }));
    this.#output = lookup(func.outputId);
    const streamed = func.stream === null ? [] : [lookup(func.stream.typeId)];
    if ([...this.#inputs.map(({ entry }) => entry), this.#output, ...streamed].some((entry) => holdsChar(entry))) {
      throw new RealmError(
        'INVALID_PARAMS',
        `${func.name} has values of type char, which the SCALE codecs write as one byte; call it with JSON`,
      );
    }
    this.#call = builder.buildRuntimeCall(func.api, func.method);
    this.#item = func.stream === null ? undefined : builder.buildDefinition(func.stream.typeId);
  }

  /** The parameters, an object by name or an array by position, as `0x` and hex digits. Throws INVALID_PARAMS. */
  encode(params: unknown): string {
    const args = Array.isArray(params) ? this.#byPosition(params) : this.#byName(record(params ?? {}, 'params'));
    try {
      return Binary.toHex(this.#call.args.enc(args));
    } catch (error) {
      // Something that only the codec itself looks at, as an account's checksum.
      throw invalid('params', String(error));
    }
  }

  /** What the function returned: the content of `Ok`, if it returns a `Result`. Throws the content of `Err`. */
  result(hex: unknown): unknown {
    const value = decoded(this.#call.value, hex);
    if (this.#output.type !== 'result') return value;
    if (value.success) return value.value;
    throw failure(this.lookup.metadata.lookup, this.#output.value.ko, value.value);
  }

  /** One item that it emitted. */
  item(hex: unknown): unknown {
    if (this.#item === undefined) throw new RealmError('PROTOCOL', `${this.func.name} emitted an item and declares none`);
    return decoded(this.#item, hex);
  }

  #byPosition(values: unknown[]): unknown[] {
    const taken = this.#inputs.length;
    if (values.length > taken) throw invalid('params', `${values.length} parameters were given; ${taken} are taken`);
    return this.#inputs.map(({ name, entry }, at) => fit(entry, values[at], name));
  }

  #byName(given: Record<string, unknown>): unknown[] {
    const names = this.#inputs.map(({ name }) => name);
    const own = Object.keys(given).filter((name) => names.includes(name));
    const beside = Object.keys(given).filter((name) => !names.includes(name));
    const options = this.#options();
    for (const name of beside) {
      if (options === undefined || !Object.hasOwn(options.value, name)) {
        throw unknown(name, 'nothing takes this', nearest(name, [...names, ...Object.keys(options?.value ?? {})]));
      }
    }
    return this.#inputs.map(({ name, entry }) => {
      const value = own.includes(name) ? given[name] : undefined;
      if (name !== FLAT_PARAMETER || options === undefined || beside.length === 0) return fit(entry, value, name);
      const whole = value === undefined || value === null ? {} : record(value, name);
      for (const each of beside) if (Object.hasOwn(whole, each)) throw invalid(each, 'given twice');
      // First by themselves, so that an error names the place where the caller wrote them.
      for (const each of beside) fit(options.value[each]!, given[each], each);
      return members(options, { ...whole, ...Object.fromEntries(beside.map((each) => [each, given[each]])) }, name, 0);
    });
  }

  /** The parameter `options`, if the function has one and it is a struct, or an optional one. */
  #options(): StructVar | undefined {
    const entry = this.#inputs.find(({ name }) => name === FLAT_PARAMETER)?.entry;
    const inside = entry?.type === 'option' ? entry.value : entry;
    return inside?.type === 'struct' ? inside : undefined;
  }
}

function decoded(codec: { dec(hex: string): any }, hex: unknown): any {
  if (typeof hex !== 'string') throw new RealmError('PROTOCOL', `expected SCALE as hex digits, got ${typeof hex}`);
  try {
    return codec.dec(hex);
  } catch (error) {
    throw new RealmError('PROTOCOL', `the node's answer is not of the type that the runtime declares: ${String(error)}`);
  }
}

/** Whether values of this type may hold a `char`. */
function holdsChar(entry: LookupEntry, seen: Set<unknown> = new Set()): boolean {
  if (seen.has(entry)) return false;
  seen.add(entry);
  const any = (entries: LookupEntry[]) => entries.some((each) => holdsChar(each, seen));
  switch (entry.type) {
    case 'primitive':
      return entry.value === 'char';
    case 'option':
    case 'sequence':
    case 'array':
      return holdsChar(entry.value, seen);
    case 'result':
      return any([entry.value.ok, entry.value.ko]);
    case 'tuple':
      return any(entry.value);
    case 'struct':
      return any(Object.values(entry.value));
    case 'enum':
      return Object.values(entry.value).some((inside) => {
        if (inside.type === 'void') return false;
        if (inside.type === 'lookupEntry') return holdsChar(inside.value, seen);
        if (inside.type === 'array') return holdsChar(inside.value, seen);
        return any(Object.values(inside.value));
      });
    default:
      return false;
  }
}
