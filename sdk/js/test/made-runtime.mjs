// Runtimes out of nothing but types: metadata as a node would send it, with functions that a test says.
import { Binary, metadata } from '@polkadot-api/substrate-bindings';
import { Runtime } from '../dist/runtime/runtime.js';

const META_RESERVED = 0x6174656d;

/** Types by name, each put into a registry when it is used first. */
class Types {
  lookup = [];
  #ids = new Map();

  /** `type` makes the type; it may use others, itself too. */
  add(key, path, type, params = []) {
    if (!this.#ids.has(key)) {
      const id = this.lookup.length;
      this.#ids.set(key, id);
      this.lookup.push(undefined);
      this.lookup[id] = { id, path, params, def: type(), docs: [] };
    }
    return this.#ids.get(key);
  }

  primitive = (tag) => this.add(tag, [], () => ({ tag: 'primitive', value: { tag, value: undefined } }));
  sequence = (of) => this.add(`seq ${of}`, [], () => ({ tag: 'sequence', value: of }));
  array = (of, len) => this.add(`array ${of} ${len}`, [], () => ({ tag: 'array', value: { type: of, len } }));
  tuple = (...of) => this.add(`tuple ${of}`, [], () => ({ tag: 'tuple', value: of }));
  struct = (path, fields) =>
    this.add(path, path.split('::'), () => ({ tag: 'composite', value: fields().map(([name, type]) => field(name, type)) }));
  option = (of) =>
    this.add(
      `option ${of}`,
      ['Option'],
      () =>
        variants([
          ['None', []],
          ['Some', [[undefined, of]]],
        ]),
      [{ name: 'T', type: of }],
    );
  result = (ok, err) =>
    this.add(
      `result ${ok} ${err}`,
      ['Result'],
      () =>
        variants([
          ['Ok', [[undefined, ok]]],
          ['Err', [[undefined, err]]],
        ]),
      [
        { name: 'T', type: ok },
        { name: 'E', type: err },
      ],
    );
  enum = (path, all) => this.add(path, path.split('::'), () => variants(all()));
}

const field = (name, type) => ({
  name,
  type,
  typeName: undefined,
  docs: name === 'count' ? [' How many.', ' */ No more.'] : [],
});
const variants = (all) => ({
  tag: 'variant',
  value: all.map(([name, fields], index) => ({
    name,
    index,
    fields: fields.map(([each, type]) => field(each, type)),
    docs: [],
  })),
});

/** A runtime of one function of each name, from its parameters to its output. */
export function runtimeOf(functions) {
  const types = new Types();
  const methods = Object.entries(functions(types)).map(([name, [inputs, output]]) => ({
    name,
    inputs: Object.entries(inputs).map(([name, type]) => ({ name, type })),
    output,
    docs: [],
  }));
  const unit = types.tuple();
  const value = {
    lookup: types.lookup,
    pallets: [],
    extrinsic: { version: 4, address: unit, call: unit, signature: unit, extra: unit, signedExtensions: [] },
    type: unit,
    apis: [{ name: 'TestApi', methods, docs: [] }],
    outerEnums: { call: unit, event: unit, error: unit },
    custom: [],
  };
  return new Runtime(Binary.toHex(metadata.enc({ magicNumber: META_RESERVED, metadata: { tag: 'v15', value } })));
}
