// What the compiler knows of a runtime's functions. `realm-typegen` fills it in; without that, everything is allowed.

/** A function that streams what another one answers is called like that one, with this before it. */
export const STREAMING_TWIN = 'stream_';

/** How a call's values are written: JSON by the node's rules, or SCALE by the runtime's metadata. */
export type Encoding = 'json' | 'scale';

/** The values of one function: its parameters, what it streams and what it returns. */
export interface FunctionValues {
  params: any;
  item: any;
  result: any;
}

/** One function: its values in JSON and, if they were written, those in SCALE. */
export interface FunctionType extends FunctionValues {
  scale?: FunctionValues;
}

/** Filled in by the file that `realm-typegen` writes: `functions` is there once it is part of the program. */
// eslint-disable-next-line @typescript-eslint/no-empty-object-type
export interface Register {}

/** Any function, with anything. */
export type AnyFunctions = Record<string, FunctionType>;

/** The functions that are known. */
export type KnownFunctions = Register extends { functions: infer Known } ? Known : AnyFunctions;

type Values<F, N extends keyof F, E extends Encoding> = E extends 'json'
  ? F[N]
  : F[N] extends { scale: infer Scale }
    ? Scale
    : FunctionValues;

export type Params<F, N extends keyof F, E extends Encoding = 'json'> =
  Values<F, N, E> extends FunctionValues ? Values<F, N, E>['params'] : never;
export type Item<F, N extends keyof F, E extends Encoding = 'json'> =
  Values<F, N, E> extends FunctionValues ? Values<F, N, E>['item'] : never;
export type Result<F, N extends keyof F, E extends Encoding = 'json'> =
  Values<F, N, E> extends FunctionValues ? Values<F, N, E>['result'] : never;

/** Parameters may be left out where nothing is required. */
export type Arguments<F, N extends keyof F, E extends Encoding, O> =
  {} extends Params<F, N, E> ? [params?: Params<F, N, E>, options?: O] : [params: Params<F, N, E>, options?: O];
