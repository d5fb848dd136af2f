// What a runtime says of itself: its SCALE metadata, decoded by Polkadot's own libraries. All that is known here of functions
// and types is read out of it.
//
//   metadata bytes ──► hash, the registry's types ──► functions ──► FunctionCodec: values ↔ SCALE

import { getDynamicBuilder, getLookupFn, type MetadataLookup } from '@polkadot-api/metadata-builders';
import { Binary, Blake2256, decAnyMetadata, unifyMetadata, type UnifiedMetadata } from '@polkadot-api/substrate-bindings';
import { RealmError } from '../errors.js';
import { STREAMING_TWIN } from '../functions.js';
import { FunctionCodec } from './codec.js';
import { typeNames } from './names.js';
import { hint, nearest } from './nearest.js';
import { declared, resultOf } from './registry.js';
import { isOptional, text } from './shape.js';

/** APIs whose functions go by their full names only: they are the node's business. */
const FULL_NAME_ONLY = ['Core', 'Metadata'];
/** What keys of stream items in the metadata's `custom` map begin with; the function's full name follows. */
const STREAM_KEY_PREFIX = 'stream:';

/** A type by its name for people, and by its number in the metadata. */
export interface TypeReference {
  type: string;
  typeId: number;
}

export interface RuntimeParameter extends TypeReference {
  name: string;
  /** It may be left out. */
  optional: boolean;
}

/** One function of a runtime. */
export interface RuntimeFunction {
  /** The shortest name that calls it: `generate`. */
  name: string;
  /** The name that always does: `RealmApi_generate`. */
  fullName: string;
  api: string;
  method: string;
  docs: string;
  params: RuntimeParameter[];
  /** What it returns when all goes well. */
  returns: TypeReference;
  /** What it returns otherwise, if it says. */
  errors: TypeReference | null;
  /** The items that it emits before it returns. */
  stream: TypeReference | null;
  /** The type that it returns, `Result` and all. */
  outputId: number;
}

/** A runtime, as its metadata tells it. It never changes: another runtime is another one of these. */
export class Runtime {
  /** blake2-256 of the metadata, by which calls are pinned to it. */
  readonly hash: string;
  /** The functions, in the order of their declaration; those of `Core` and `Metadata`, too. */
  readonly functions: readonly RuntimeFunction[];
  /** A name for people of each type, by number. */
  readonly typeNames: readonly string[];
  /** The types as metadata-builders gives them; `lookup.metadata` has everything else. */
  readonly lookup: MetadataLookup;
  readonly specName: string | undefined;
  readonly specVersion: number | undefined;
  readonly #builder;
  readonly #codecs = new Map<RuntimeFunction, FunctionCodec>();

  /** Of metadata of version 15 or 16 as `0x` and hex digits. Throws PROTOCOL if that is none. */
  constructor(hex: string) {
    try {
      const bytes = Binary.fromHex(hex);
      this.hash = Binary.toHex(Blake2256(bytes));
      this.lookup = getLookupFn(unifyMetadata(decAnyMetadata(bytes)));
      this.#builder = getDynamicBuilder(this.lookup);
      this.typeNames = typeNames(this.metadata.lookup);
      this.functions = functionsOf(this.metadata, this.typeNames);
    } catch (error) {
      throw new RealmError('PROTOCOL', `the runtime's metadata is not understood: ${String(error)}`);
    }
    const version = this.#version();
    this.specName = version?.spec_name;
    this.specVersion = version?.spec_version;
  }

  /** The metadata itself. */
  get metadata(): UnifiedMetadata {
    return this.lookup.metadata;
  }

  /** The function of this name, short or full. Throws UNKNOWN_FUNCTION. */
  function(name: string): RuntimeFunction {
    const full = this.functions.find(({ fullName }) => fullName === name);
    if (full) return full;
    const named = this.functions.filter(({ api, method }) => method === name && !FULL_NAME_ONLY.includes(api));
    if (named.length === 1) return named[0]!;
    if (named.length > 1) {
      const candidates = named.map(({ fullName }) => fullName);
      throw new RealmError(
        'UNKNOWN_FUNCTION',
        `several functions are called \`${name}\`; say which: ${candidates.join(', ')}`,
        { candidates },
      );
    }
    const meant = nearest(
      name,
      this.functions.map((each) => each.name),
    );
    throw new RealmError(
      'UNKNOWN_FUNCTION',
      `the runtime has no function \`${name}\`${hint(meant)}`,
      meant === undefined ? {} : { nearest: meant },
    );
  }

  /** The function itself if it streams, or the one that streams what it answers: `stream_generate` of `generate`. */
  streaming(func: RuntimeFunction): RuntimeFunction {
    if (func.stream !== null) return func;
    const same = ({ params, outputId }: RuntimeFunction) =>
      outputId === func.outputId &&
      params.length === func.params.length &&
      params.every(({ name, typeId }, at) => name === func.params[at]!.name && typeId === func.params[at]!.typeId);
    return (
      this.functions.find((other) => other.method === STREAMING_TWIN + func.method && other.stream !== null && same(other)) ??
      func
    );
  }

  /** The codec of one of this runtime's functions. Throws INVALID_PARAMS if it has types that only JSON can say. */
  codec(func: RuntimeFunction): FunctionCodec {
    let codec = this.#codecs.get(func);
    if (codec === undefined) this.#codecs.set(func, (codec = new FunctionCodec(this.lookup, this.#builder, func)));
    return codec;
  }

  /** The constant in which Substrate's runtimes hold their version. */
  #version(): { spec_name: string; spec_version: number } | undefined {
    const constants = this.metadata.pallets.find(({ name }) => name === 'System')?.constants;
    const constant = constants?.find(({ name }) => name === 'Version');
    return constant && this.#builder.buildConstant('System', 'Version').dec(constant.value);
  }
}

function functionsOf(metadata: UnifiedMetadata, names: readonly string[]): RuntimeFunction[] {
  const registry = metadata.lookup;
  const reference = (typeId: number): TypeReference => ({ type: names[typeId]!, typeId });
  const custom = new Map('custom' in metadata ? metadata.custom : []);
  const holders = new Map<string, number>();
  for (const { name: api, methods } of metadata.apis) {
    if (FULL_NAME_ONLY.includes(api)) continue;
    for (const { name } of methods) holders.set(name, (holders.get(name) ?? 0) + 1);
  }
  return metadata.apis.flatMap(({ name: api, methods }) =>
    methods.map(({ name: method, inputs, output, docs }): RuntimeFunction => {
      const fullName = `${api}_${method}`;
      const result = resultOf(declared(registry, output));
      const item = custom.get(STREAM_KEY_PREFIX + fullName)?.type;
      return {
        name: FULL_NAME_ONLY.includes(api) || holders.get(method) !== 1 ? fullName : method,
        fullName,
        api,
        method,
        docs: text(docs),
        params: inputs.map(({ name, type }) => ({ name, ...reference(type), optional: isOptional(registry, type) })),
        returns: reference(result?.ok ?? output),
        errors: result === undefined ? null : reference(result.err),
        stream: item === undefined ? null : reference(item),
        outputId: output,
      };
    }),
  );
}
