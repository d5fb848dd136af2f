// Types that the default runtime has none of: read from metadata made here, written as TypeScript, and as SCALE and back.
import assert from 'node:assert/strict';
import test from 'node:test';
import { Runtime } from '../dist/runtime/runtime.js';
import { write } from '../dist/typegen/write.js';
import { runtimeOf } from './made-runtime.mjs';

/** A function `echo` of one parameter `value` that returns it. */
const echo = (type) => runtimeOf((types) => ({ echo: [{ value: type(types) }, type(types)] }));

/** The value crosses both ways as `value`, is typed so, and others are refused at `field`. */
function check(type, { value, completed = value, json, scale, refused = [] }) {
  const runtime = echo(type);
  const codec = runtime.codec(runtime.function('echo'));
  assert.deepEqual(codec.result(codec.encode({ value })), completed);
  const text = write(runtime);
  for (const line of [`    params: { ${json} };`, `      params: { ${scale} };`])
    assert.ok(text.includes(line), `${line}\n${text}`);
  for (const [wrong, path] of refused) {
    assert.throws(
      () => codec.encode({ value: wrong }),
      ({ code, data }) => code === 'INVALID_PARAMS' && data.field === path,
      `${path}`,
    );
  }
}

test('integers', () => {
  for (const bits of [8, 16, 32]) {
    const end = 2 ** bits;
    check((types) => types.primitive(`u${bits}`), {
      value: end - 1,
      json: 'value: number',
      scale: 'value: number',
      refused: [
        [end, 'value'],
        [-1, 'value'],
        [0.5, 'value'],
        ['1', 'value'],
        [1n, 'value'],
        [null, 'value'],
      ],
    });
    check((types) => types.primitive(`i${bits}`), {
      value: -end / 2,
      json: 'value: number',
      scale: 'value: number',
      refused: [
        [end / 2, 'value'],
        [-end / 2 - 1, 'value'],
        [NaN, 'value'],
      ],
    });
  }
  for (const bits of [64, 128]) {
    const end = 2n ** BigInt(bits);
    check((types) => types.primitive(`u${bits}`), {
      value: end - 1n,
      json: 'value: number | string',
      scale: 'value: bigint',
      refused: [
        [end, 'value'],
        [-1n, 'value'],
        [1, 'value'],
      ],
    });
    check((types) => types.primitive(`i${bits}`), {
      value: -end / 2n,
      json: 'value: number | string',
      scale: 'value: bigint',
      refused: [[end / 2n, 'value']],
    });
  }
  check((types) => types.primitive('u256'), {
    value: 2n ** 256n - 1n,
    json: 'value: unknown',
    scale: 'value: bigint',
    refused: [[2n ** 256n, 'value']],
  });
});

test('bytes and lists', () => {
  const list = (types) => types.sequence(types.primitive('u16'));
  check((types) => types.sequence(types.primitive('u8')), {
    value: Uint8Array.of(1, 2),
    json: 'value: string',
    scale: 'value: Uint8Array',
    refused: [['0x01', 'value']],
  });
  check((types) => types.array(types.primitive('u8'), 4), {
    value: '0x01020304',
    json: 'value: string',
    scale: 'value: string',
    refused: [
      ['0x010203', 'value'],
      ['01020304', 'value'],
      ['0x0102030g', 'value'],
    ],
  });
  check(list, {
    value: [1, 2, 3],
    json: 'value: Array<number>',
    scale: 'value: Array<number>',
    refused: [
      [[1, -1], 'value[1]'],
      [{}, 'value'],
    ],
  });
  check((types) => types.array(list(types), 2), {
    value: [[1], []],
    json: 'value: Array<Array<number>>',
    scale: 'value: Array<Array<number>>',
    refused: [
      [[[1]], 'value'],
      [[[1], [70000]], 'value[1][0]'],
    ],
  });
  check((types) => types.tuple(types.primitive('bool'), types.primitive('str')), {
    value: [true, 'a'],
    json: 'value: [boolean, string]',
    scale: 'value: [boolean, string]',
    refused: [
      [[true], 'value'],
      [[1, 'a'], 'value[0]'],
    ],
  });
  check(
    (types) =>
      types.struct('std::BTreeMap', () => [
        [undefined, types.sequence(types.tuple(types.primitive('str'), types.primitive('u8')))],
      ]),
    { value: [['a', 1]], json: 'value: BTreeMap', scale: 'value: Scale.BTreeMap' },
  );
});

test('structs, and what may be left out of them', () => {
  const point = (types) =>
    types.struct('a::Point', () => [
      ['x', types.primitive('i32')],
      ['label', types.option(types.primitive('str'))],
    ]);
  check(point, {
    value: { x: 1 },
    completed: { x: 1, label: undefined },
    json: 'value: Point',
    scale: 'value: Scale.Point',
    refused: [
      [{}, 'value.x'],
      [{ x: 1, y: 2 }, 'value.y'],
      [5, 'value'],
      [{ x: 1, label: 5 }, 'value.label'],
    ],
  });
  const free = (types) =>
    types.struct('a::Free', () => [
      ['count', types.option(types.primitive('u8'))],
      [
        'rest',
        types.struct('a::Rest', () => [
          ['on', types.option(types.primitive('bool'))],
          ['off', types.option(types.primitive('bool'))],
        ]),
      ],
    ]);
  check(free, {
    value: undefined,
    completed: { count: undefined, rest: { on: undefined, off: undefined } },
    json: 'value?: Free',
    scale: 'value?: Scale.Free',
  });
  check(free, {
    value: { count: null, rest: { on: true } },
    completed: { count: undefined, rest: { on: true, off: undefined } },
    json: 'value?: Free',
    scale: 'value?: Scale.Free',
    refused: [[{ rest: { of: true } }, 'value.rest.of']],
  });
  // The codecs look through one field alone, named or not, and leave out what holds nothing.
  check((types) => types.struct('a::Only', () => [['deep', point(types)]]), {
    value: { x: 2, label: 'a' },
    json: 'value: Only',
    scale: 'value: Scale.Only',
    refused: [[{ deep: { x: 2 } }, 'value.deep']],
  });
  check(
    (types) =>
      types.struct('a::Marked', () => [
        ['mark', types.tuple()],
        ['x', types.primitive('u8')],
      ]),
    { value: { x: 2 }, json: 'value: Marked', scale: 'value: Scale.Marked' },
  );
  check((types) => types.option(types.option(types.primitive('u8'))), {
    value: undefined,
    json: 'value?: { some: number | null } | null',
    scale: 'value?: number | undefined | undefined',
  });
});

test('enums of every kind of variant', () => {
  const kinds = (types) =>
    types.enum('a::Kind', () => [
      ['Nothing', []],
      ['HTTPError', [[undefined, types.primitive('u16')]]],
      [
        'Pair',
        [
          [undefined, types.primitive('u8')],
          [undefined, types.primitive('u8')],
        ],
      ],
      [
        'Mixed',
        [
          [undefined, types.primitive('u8')],
          [undefined, types.primitive('str')],
        ],
      ],
      [
        'Named',
        [
          ['count', types.primitive('u8')],
          ['other', types.option(kinds(types))],
        ],
      ],
    ]);
  const typed = { json: 'value: Kind', scale: 'value: Scale.Kind' };
  check(kinds, { value: { type: 'Nothing' }, completed: { type: 'Nothing', value: undefined }, ...typed });
  check(kinds, {
    value: { type: 'HTTPError', value: 404 },
    ...typed,
    refused: [
      [{ type: 'HTTPError' }, 'value.HTTPError'],
      [{ type: 'HTTPErorr' }, 'value'],
      ['Nothing', 'value'],
      [{ type: 'Nothing', value: 1 }, 'value.Nothing'],
    ],
  });
  check(kinds, {
    value: { type: 'Pair', value: [1, 2] },
    ...typed,
    refused: [
      [{ type: 'Pair', value: [1] }, 'value.Pair'],
      [{ type: 'Pair', value: [1, 256] }, 'value.Pair[1]'],
    ],
  });
  check(kinds, { value: { type: 'Mixed', value: [1, 'a'] }, ...typed });
  const inner = { type: 'Mixed', value: [1, 'a'] };
  check(kinds, {
    value: { type: 'Named', value: { count: 1, other: inner } },
    ...typed,
    refused: [[{ type: 'Named', value: { count: 1, another: 1 } }, 'value.Named.another']],
  });
  const text = write(echo(kinds));
  for (const part of [
    '  | "nothing"',
    '  | { http_error: number }',
    '  | { pair: [number, number] }',
    '{ type: "Nothing"; value?: undefined }',
    'How many.\n',
    '*\\/ No more. */',
  ])
    assert.ok(text.includes(part), `${part}\n${text}`);
});

test('what a runtime answers with instead', () => {
  const runtime = runtimeOf((types) => {
    const error = types.enum('a::MyError', () => [
      [
        'OutOfInk',
        [
          ['field', types.primitive('str')],
          ['message', types.primitive('str')],
        ],
      ],
      [
        'TooLong',
        [
          ['count', types.primitive('u64')],
          ['most', types.primitive('u8')],
        ],
      ],
      ['Odd', []],
    ]);
    return {
      print: [{}, types.result(types.primitive('u8'), error)],
      encode: [{ value: types.result(types.primitive('u8'), error) }, types.tuple()],
    };
  });
  const print = runtime.codec(runtime.function('print'));
  const answer = (value) => runtime.codec(runtime.function('encode')).encode({ value });
  assert.equal(print.result(answer({ success: true, value: 7 })), 7);
  const fails = (value, expected) => {
    assert.throws(
      () => print.result(answer({ success: false, value })),
      ({ code, message, data }) => {
        assert.deepEqual([code, message, data], expected);
        return true;
      },
    );
  };
  fails({ type: 'OutOfInk', value: { field: 'colour', message: 'no blue' } }, [
    'OUT_OF_INK',
    'colour: no blue',
    { field: 'colour' },
  ]);
  fails({ type: 'TooLong', value: { count: 5n, most: 4 } }, ['TOO_LONG', 'TooLong (count 5, most 4)', { count: 5n, most: 4 }]);
  fails({ type: 'Odd' }, ['ODD', 'Odd', {}]);
  assert.throws(() => print.result('0x02'), { code: 'PROTOCOL' });
  assert.throws(() => print.result(5), { code: 'PROTOCOL' });
});

test('what cannot be written is refused, and no metadata is none', () => {
  const chars = echo((types) => types.option(types.sequence(types.primitive('char'))));
  assert.throws(() => chars.codec(chars.function('echo')), { code: 'INVALID_PARAMS' });
  const nested = echo((types) =>
    types.struct('a::Tree', () => [
      ['of', types.sequence(types.add('a::Tree', [], () => assert.fail()))],
      ['id', types.primitive('u8')],
    ]),
  );
  const tree = { id: 1 };
  tree.of = [tree];
  assert.throws(() => nested.codec(nested.function('echo')).encode({ value: tree }), { code: 'INVALID_PARAMS' });
  for (const wrong of ['0x', '0x6d657461', 'metadata']) assert.throws(() => new Runtime(wrong), { code: 'PROTOCOL' });
});
