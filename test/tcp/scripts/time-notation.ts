// Times in scripts: `200ms`, `1.5s`, `40us`; and `+200ms` or `+200ms~5ms` in front of a line.

const UNITS: Readonly<Record<string, number>> = { us: 1, ms: 1000, s: 1_000_000 };

/** Microseconds; undefined: not a time. */
export function parseTime(word: string): number | undefined {
  const time = /^(\d+(?:\.\d+)?)(us|ms|s)$/.exec(word);
  return time === null ? undefined : Math.round(Number(time[1]) * (UNITS[time[2] ?? ''] ?? 0));
}

export function formatTime(us: number): string {
  if (us % 1000 !== 0) return `${us}us`;
  return us >= 1_000_000 ? `${us / 1_000_000}s` : `${us / 1000}ms`;
}
