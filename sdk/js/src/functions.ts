// What the compiler knows of a runtime's functions. `realm-typegen` fills it in; without that, everything is allowed.

/** One function: its parameters, what it streams and what it returns. */
export interface FunctionType {
  params: any;
  item: any;
  result: any;
}

/** Filled in by the file that `realm-typegen` writes: `functions` is there once it is part of the program. */
// eslint-disable-next-line @typescript-eslint/no-empty-object-type
export interface Register {}

/** Any function, with anything. */
export type AnyFunctions = Record<string, FunctionType>;

/** The functions that are known. */
export type KnownFunctions = Register extends { functions: infer Known } ? Known : AnyFunctions;

export type Params<F, N extends keyof F> = F[N] extends FunctionType ? F[N]['params'] : never;
export type Item<F, N extends keyof F> = F[N] extends FunctionType ? F[N]['item'] : never;
export type Result<F, N extends keyof F> = F[N] extends FunctionType ? F[N]['result'] : never;

/** Parameters may be left out where nothing is required. */
export type Arguments<F, N extends keyof F, O> = {} extends Params<F, N>
  ? [params?: Params<F, N>, options?: O]
  : [params: Params<F, N>, options?: O];
