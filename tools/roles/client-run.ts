// The role behind `homeport client run`: a program in a namespace of its own, and the gateway between that and here.

import { execFileSync } from 'node:child_process';
import { setTimeout as delay } from 'node:timers/promises';
import { type Address, Prefix } from '../../stack/wire/address.ts';
import { openTun } from '../../tun/tun-device.ts';
import type { Output } from '../output.ts';
import { gatewayOn, ON_LINK_ADDRESS, reportMove } from './client-gateway.ts';
import { ContainedProgram } from './contained-program.ts';
import { NodeRuntime } from './runtime.ts';

export interface ClientRunOptions {
  /** With its arguments. */
  readonly program: readonly string[];
  readonly device: string;
  readonly address: Address;
  readonly pcap: string | undefined;
  /** Nothing is said of handoffs. */
  readonly quiet: boolean;
}

/** The device in the program's namespace. */
const INSIDE_DEVICE = 'hp0';

/** The kernel in the namespace ends its connections in order for no longer than this. */
const CLOSE_MS = 2_000;
const LOOK_MS = 20;

/** Runs the program to its end; gives its exit status, 128 + n where a signal ended it. */
export async function runClientProgram(options: ClientRunOptions, output: Output): Promise<number> {
  const { program: command, device, address, pcap, quiet } = options;
  const runtime = new NodeRuntime({ device, pcap, name: 'client' });
  try {
    const program = await ContainedProgram.start(command);
    try {
      const { clock } = runtime;
      const { mtu } = runtime.device;
      const inside = openTun({ name: INSIDE_DEVICE, netns: program.netns, mtu, offloads: 'tso', clock });
      try {
        const place = { inside, address: ON_LINK_ADDRESS, clients: [new Prefix(address, 128)] };
        gatewayOn(runtime, place, (move) => {
          if (!quiet) reportMove(output, move);
        });
        program.setUp(networkOf(address));
        const status = await runtime.unlessGone(program.run());
        await connectionsEnded(program);
        return status;
      } finally {
        inside.close();
      }
    } finally {
      program.end();
    }
  } finally {
    runtime.close();
  }
}

/** Lines of `ip -batch`: loopback, the address, everything else through our device, which is no multicast link. */
const networkOf = (address: Address): string =>
  [
    'link set dev lo up',
    `link set dev ${INSIDE_DEVICE} multicast off`,
    `address add ${address}/128 dev ${INSIDE_DEVICE} nodad`,
    `route add ::/0 dev ${INSIDE_DEVICE}`,
    '',
  ].join('\n');

/** States of /proc/net/tcp6 in which nobody waits for a packet of ours: TIME-WAIT, CLOSED, LISTEN. */
const AT_REST: readonly string[] = ['06', '07', '0A'];

/** A program that exits leaves it to its kernel to say goodbye, which goes through our device. */
async function connectionsEnded(program: ContainedProgram): Promise<void> {
  for (let waited = 0; waited < CLOSE_MS; waited += LOOK_MS) {
    const table = execFileSync('nsenter', [`--net=${program.netns}`, 'cat', '/proc/self/net/tcp6'], {
      encoding: 'utf8',
    });
    const states = table
      .trim()
      .split('\n')
      .slice(1)
      .map((line) => line.trim().split(/\s+/)[3] ?? '');
    if (states.every((state) => AT_REST.includes(state))) return;
    await delay(LOOK_MS);
  }
}
