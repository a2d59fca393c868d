// What loss, reordering and the size of the bottleneck's buffer leave of a path's rate, as a table that is committed
// beside this file: a change of recovery or congestion control shows as a diff of it. Seeded, on the virtual clock.
// `npx vitest run -u test/tcp/throughput.test.ts` writes it anew.

import { expect, test } from 'vitest';
import { milliseconds } from '../../stack/core/time.ts';
import { type TransferResult, transferFor } from './lossy-path.ts';

const RATE = 8e6;
const DELAY = milliseconds(20);
const SECONDS = 5;
const LOSSES = [0, 0.001, 0.01, 0.03];
const REORDERINGS = [0, 0.01, 0.1];
const BDP = (RATE / 8) * 0.04;
/** In bandwidth-delay products. */
const BUFFERS = [0.25, 1, 4];
const CONTROLS = ['cubic', 'newreno'] as const;

const percent = (share: number): string => `${Number((share * 100).toFixed(1))} %`;

function run(loss: number, reordering: number, buffer: number, congestion: (typeof CONTROLS)[number]): TransferResult {
  const faults = { loss, reordering, reorderingDelay: milliseconds(5) };
  const path = { delay: DELAY, rate: RATE, queueBytes: BDP * buffer, ...faults };
  return transferFor({ seed: 7, path, seconds: SECONDS, tcp: { congestion } });
}

/** Goodput in Mbit/s; segments sent again that need not have been, if any; timeouts, if any. */
function cell({ octets, sender, link, events }: TransferResult): string {
  const needless = sender.info.retransmits - link.statistics.lost - link.statistics.overflowed;
  const timeouts = events.get('timeout') ?? 0;
  const goodput = ((octets * 8) / SECONDS / 1e6).toFixed(2);
  return `${goodput}${needless > 0 ? ` +${needless}` : ''}${timeouts > 0 ? ` T${timeouts}` : ''}`;
}

test('throughput over loss, reordering and buffer is what throughput.md says', async () => {
  const columns = CONTROLS.flatMap((control) => BUFFERS.map((buffer) => ({ control, buffer })));
  const rows = LOSSES.flatMap((loss) => REORDERINGS.map((reordering) => ({ loss, reordering })));
  const row = (cells: readonly string[]): string => `| ${cells.join(' | ')} |`;
  const lines = [
    '# Throughput over loss, reordering and buffer',
    '',
    `One transfer of ${SECONDS} s over ${RATE / 1e6} Mbit/s and a round trip of 40 ms, the handshake included. Columns: the queue in front of`,
    'the rate, in bandwidth-delay products. Rows: shares of packets lost, and of packets that come 5 ms late. A cell: Mbit/s',
    'that reach the application, `+n` segments sent again for nothing, `Tn` timeouts. Written by `throughput.test.ts`.',
    '',
    row(['loss', 'reordered', ...columns.map(({ control, buffer }) => `${control}, ${buffer}`)]),
    row(['---:', '---:', ...columns.map(() => '---:')]),
    ...rows.map(({ loss, reordering }) =>
      row([
        percent(loss),
        percent(reordering),
        ...columns.map(({ control, buffer }) => cell(run(loss, reordering, buffer, control))),
      ]),
    ),
    '',
  ];
  await expect(lines.join('\n')).toMatchFileSnapshot('throughput.md');
}, 120_000);
