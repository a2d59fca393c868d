// RFC 6056: the choice of a local port, by the simple hash-based algorithm of 3.3.3.

import { describe, expect, test } from 'vitest';
import type { Endpoint } from '../../stack/tcp/api.ts';
import { FIRST_EPHEMERAL_PORT, LAST_EPHEMERAL_PORT } from '../../stack/tcp/limits.ts';
import { PortSelector } from '../../stack/tcp/ports.ts';
import { A, B } from './support.ts';

const COUNT = LAST_EPHEMERAL_PORT - FIRST_EPHEMERAL_PORT + 1;
const LOCAL: Endpoint = { address: A, port: 0 };
const selector = (key = 1): PortSelector => new PortSelector(Uint8Array.of(key));
const to = (port: number): Endpoint => ({ address: B, port });
const anyPort = (): boolean => true;

/** How far `b` comes after `a` in the range. */
const step = (a: number | undefined, b: number | undefined): number => ((b ?? 0) - (a ?? 0) + COUNT) % COUNT;

describe('RFC 6056 3.3.3', () => {
  test('to one remote end the ports follow each other, so that each is used again as late as can be', () => {
    const ports = selector();
    const chosen = Array.from({ length: 100 }, () => ports.select(LOCAL, to(80), anyPort));
    expect(chosen.slice(1).map((port, i) => step(chosen[i], port))).toEqual(new Array(99).fill(1));
  });

  test('for another remote port, address or secret they begin elsewhere', () => {
    const starts = [
      selector().select(LOCAL, to(80), anyPort),
      selector().select(LOCAL, to(81), anyPort),
      selector().select(LOCAL, { address: A, port: 80 }, anyPort),
      selector(2).select(LOCAL, to(80), anyPort),
    ];
    expect(new Set(starts).size).toBe(4);
    expect(starts.slice(1).map((port) => step(starts[0], port) > 1)).toEqual([true, true, true]);
  });

  test('3.2: all come from the range, its ends included', () => {
    const ports = selector();
    const chosen = new Set(Array.from({ length: COUNT }, () => ports.select(LOCAL, to(80), anyPort)));
    expect(chosen.size).toBe(COUNT);
    expect([chosen.has(FIRST_EPHEMERAL_PORT), chosen.has(LAST_EPHEMERAL_PORT)]).toEqual([true, true]);
  });

  test('one that is taken is passed over', () => {
    const next = selector().select(LOCAL, to(80), anyPort);
    const after = selector().select(LOCAL, to(80), (port) => port !== next);
    expect(step(next, after)).toBe(1);
  });

  test('when all are taken there is none, and each was asked about once', () => {
    const asked = new Set<number>();
    const taken = (port: number): boolean => {
      asked.add(port);
      return false;
    };
    expect(selector().select(LOCAL, to(80), taken)).toBe(undefined);
    expect(asked.size).toBe(COUNT);
  });
});
