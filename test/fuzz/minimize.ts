// A finding made small: octets are taken out and set to 0 as long as the target says the same of what is left.

/** Attempts: a slow input must not hold up a run. */
const MAX_ATTEMPTS = 4_000;

/** What the target says of an input; undefined: nothing. Numbers do not count, for they change as it shrinks. */
export function complaint(fuzz: (data: Uint8Array) => void, data: Uint8Array): string | undefined {
  try {
    fuzz(data);
    return undefined;
  } catch (error) {
    return String(error).replace(/\d+/g, 'n');
  }
}

export function minimize(fuzz: (data: Uint8Array) => void, data: Uint8Array): Uint8Array {
  const wanted = complaint(fuzz, data);
  if (wanted === undefined) return data;
  let attempts = 0;
  const holds = (candidate: Uint8Array): boolean => {
    attempts += 1;
    return attempts <= MAX_ATTEMPTS && complaint(fuzz, candidate) === wanted;
  };
  let best = data;
  for (let size = Math.ceil(best.length / 2); size >= 1; size = size === 1 ? 0 : Math.ceil(size / 2)) {
    for (let at = 0; at < best.length; ) {
      const without = Uint8Array.from([...best.subarray(0, at), ...best.subarray(at + size)]);
      if (holds(without)) best = without;
      else at += size;
    }
  }
  for (let at = 0; at < best.length; at++) {
    const zeroed = Uint8Array.from(best);
    zeroed[at] = 0;
    if (best[at] !== 0 && holds(zeroed)) best = zeroed;
  }
  return best;
}
