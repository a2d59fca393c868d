// What a target says when a law is broken: an error, which every runner takes for a finding.

export class LawBroken extends Error {
  override readonly name = 'LawBroken';
}

export function law(holds: boolean, what: string | (() => string)): asserts holds {
  if (!holds) throw new LawBroken(typeof what === 'string' ? what : what());
}
