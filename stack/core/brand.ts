// Branded numbers: a plain number at run time, a type of its own for the compiler, so that an
// Instant is not taken for a Duration, nor a sequence number for a length.

declare const brand: unique symbol;

export type Brand<T, Name extends string> = T & { readonly [brand]: Name };
