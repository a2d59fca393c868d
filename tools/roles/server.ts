// The server node behind `homeport server`: host, mobile node, member of the group, file server and admin socket
// put together.

import type { Server as AdminServer } from 'node:net';
import { after, elapsed, type Instant, milliseconds, seconds, toMilliseconds } from '../../stack/core/time.ts';
import { isPresetName, PRESETS, type PresetName } from '../../stack/handoff/strategy.ts';
import { Host } from '../../stack/host.ts';
import type { BindingsAtHome, MobileNodeEvents } from '../../stack/mobility/api.ts';
import type { SecurityAssociation } from '../../stack/mobility/authentication.ts';
import { CONTACT_PRIORITY, MEMBER_PRIORITY } from '../../stack/mobility/mobile-node.ts';
import type { HandoffReport } from '../../stack/server/departures.ts';
import { FileServer } from '../../stack/server/file-server.ts';
import { Member } from '../../stack/server/member.ts';
import { isRecognized } from '../../stack/server/recognition.ts';
import { type Address, address } from '../../stack/wire/address.ts';
import { BINDING_STATUS } from '../../stack/wire/mobility.ts';
import { UserError } from '../errors.ts';
import type { Output } from '../output.ts';
import { type AdminFields, adminSocket, serveAdmin } from './admin.ts';
import { NodeRuntime } from './runtime.ts';

export interface MemberAddress {
  readonly name: string;
  readonly careOf: Address;
  readonly bid: number;
  readonly controlPort: number;
}

const UNPROTECTED =
  'UNSAFE: the registration with the home agent is not protected (--security none); it believes anybody who can send to it';
const ONE_BINDING =
  'one binding (--bindings one): through the home agent, traffic of all nodes goes by the contact node; clients without Mobile IPv6 stay where they are';

export interface ServerOptions {
  readonly device: string;
  readonly name: string;
  readonly careOf: Address;
  readonly homeAddress: Address;
  readonly homeAgent: Address;
  readonly bid: number;
  /** Shared with the home agent (RFC 4285); undefined: registrations are not protected. */
  readonly association: SecurityAssociation | undefined;
  readonly groupKey: Uint8Array;
  readonly members: readonly MemberAddress[];
  readonly bindings: BindingsAtHome;
  /** Care-of address of the contact node. Undefined: that of the lowest BID. */
  readonly contact: Address | undefined;
  readonly port: number;
  readonly directory: string;
  /** Files are taken too. */
  readonly writable: boolean;
  readonly controlPort: number;
  readonly preset: PresetName;
  readonly pcap: string | undefined;
  readonly admin: string | undefined;
}

/** How often a node looks whether another has come or gone. */
const LOOK_AGAIN = milliseconds(50);
/** A home agent's duplicate address detection takes about a second (RFC 6275 10.3.1). */
const WORTH_A_WORD = milliseconds(500);
/** A home agent that has not answered the registration by then is worth a word. */
const HOME_AGENT_PATIENCE = seconds(3);

export async function runServer(options: ServerOptions, output: Output): Promise<void> {
  if (options.association === undefined) output.warn(UNPROTECTED);
  if (options.bindings === 'one') output.warn(ONE_BINDING);
  const files = await FileServer.open({ directory: options.directory, writable: options.writable });
  await files.warm();
  const runtime = new NodeRuntime({ device: options.device, pcap: options.pcap, name: options.name });
  let admin: AdminServer | undefined;
  try {
    const node = new ServerNode(options, output, runtime, files);
    admin = await serveAdmin(options.admin ?? adminSocket(options.name), (request) => node.admin(request));
    node.start();
    await runtime.untilStopped();
    node.close();
  } finally {
    admin?.close();
    runtime.close();
  }
}

class ServerNode {
  readonly #options: ServerOptions;
  readonly #output: Output;
  readonly #runtime: NodeRuntime;
  readonly #member: Member;
  /** What was last said of each: 'connected', 'absent', or why it is not understood. */
  readonly #members = new Map<string, string>();
  #registered = false;
  #isReady = false;

  constructor(options: ServerOptions, output: Output, runtime: NodeRuntime, files: FileServer) {
    this.#options = options;
    this.#output = output;
    this.#runtime = runtime;
    const { timers, random, trace, clock } = runtime;
    const host = new Host({ timers, random, secret: options.groupKey, trace, ntpTime: runtime.wall.ntpTime });
    host.attach(runtime.device, { addresses: [options.careOf] });
    const { controlPort } = options;
    this.#member = new Member({
      ...{ tcp: host.tcp, ipv6: host.ipv6, timers, random, clock, trace, controlPort },
      mobile: (events) => this.#mobileNode(host, events),
      peers: options.members,
    });
    this.#member.serve(options.port, files.server({ tcp: host.tcp, clock }));
  }

  start(): void {
    const now = this.#runtime.clock.now();
    this.#member.start(now);
    this.#member.mobile.registerHome(now);
    const { timers } = this.#runtime;
    const look = timers.timer((at) => {
      this.#lookAtMembers();
      look.set(after(at, LOOK_AGAIN));
    });
    look.set(now);
    const { bindings, contact, careOf } = this.#options;
    if (bindings === 'one' && contact?.equals(careOf) !== true) {
      this.#ready(); // who registers is the contact node
      return;
    }
    timers.timer(() => this.#sayThatItWaits()).set(after(now, WORTH_A_WORD));
    timers.timer(() => this.#lookForHomeAgent()).set(after(now, HOME_AGENT_PATIENCE));
  }

  close(): void {
    this.#member.close(this.#runtime.clock.now());
  }

  async admin(request: AdminFields): Promise<AdminFields> {
    switch (request.request) {
      case 'status':
        return this.#status();
      case 'handoff':
        return this.#handoff(request);
      default:
        throw new UserError(`unknown request '${String(request.request)}'`);
    }
  }

  #mobileNode(host: Host, events: MobileNodeEvents) {
    const { homeAddress, careOf, homeAgent, bid, association, bindings, contact, members } = this.#options;
    const priority = contact?.equals(careOf) === true ? CONTACT_PRIORITY : MEMBER_PRIORITY;
    const own = { homeAddress, careOf, homeAgent, bid, priority, ...(association && { association }) };
    const config = { ...own, bindings, ...(contact && { contact }), updates: { keepTokens: true } };
    const mobile = host.beMobileNode(config, {
      ...events,
      homeRegistered: (now, status) => {
        events.homeRegistered?.(now, status);
        this.#homeRegistered(status);
      },
      bindingAcknowledged: (now, client, status) => {
        events.bindingAcknowledged?.(now, client, status);
        this.#output.event('bound', { client: client.toString(), status });
      },
    });
    mobile.setMembers(members.map((member) => member.careOf));
    return mobile;
  }

  #homeRegistered(status: number): void {
    if (status >= 128) {
      this.#output.warn(`the home agent refuses the registration: status ${status} (${statusName(status)})`);
    } else {
      this.#registered = true;
      this.#ready();
    }
  }

  #ready(): void {
    if (this.#isReady) return;
    this.#isReady = true;
    const { name, careOf, homeAddress, port } = this.#options;
    const text = `Server node ${name} (${careOf}) serves http://[${homeAddress}]:${port}/. Ctrl-C ends it.`;
    this.#output.event('ready', { role: 'server', name, careOf: careOf.toString() }, text);
  }

  #sayThatItWaits(): void {
    if (this.#registered) return;
    const { homeAgent } = this.#options;
    const text = `Registering with the home agent ${homeAgent}, which may take a second to look for others with the address.`;
    this.#output.event('registering', { homeAgent: homeAgent.toString() }, text);
  }

  #lookForHomeAgent(): void {
    if (this.#registered) return;
    const { homeAgent, name } = this.#options;
    this.#output.warn(
      `no answer from the home agent ${homeAgent}: is it running, and does it know ${name} by this key? Trying on.`,
    );
  }

  /** Says what has changed with the other members. */
  #lookAtMembers(): void {
    for (const { name } of this.#options.members) {
      const complaint = this.#member.complaintAbout(name);
      const state = complaint ?? (this.#member.isConnectedTo(name) ? 'connected' : 'absent');
      const before = this.#members.get(name) ?? 'absent';
      if (state === before) continue;
      this.#members.set(name, state);
      if (complaint !== undefined) this.#output.warn(complaint);
      else if (state === 'connected') this.#output.event('connected', { member: name }, `Connected to node ${name}.`);
      else this.#output.event('disconnected', { member: name }, `Node ${name} is gone.`);
    }
  }

  #status(): AdminFields {
    const { name, careOf, members } = this.#options;
    return {
      name,
      careOf: careOf.toString(),
      registered: this.#registered,
      clients: this.#member.clients().map(({ client, connections }) => {
        const state = this.#member.mobile.stateOf(client);
        return { client: client.toString(), state: isRecognized(state) ? state : 'testing', connections };
      }),
      members: members.map((member) => ({ name: member.name, connected: this.#member.isConnectedTo(member.name) })),
    };
  }

  async #handoff(request: AdminFields): Promise<AdminFields> {
    const { client: text, to, preset = this.#options.preset } = request;
    if (typeof text !== 'string' || typeof to !== 'string' || typeof preset !== 'string' || !isPresetName(preset)) {
      throw new UserError('a handoff names client, to and a known preset');
    }
    const client = address(text);
    const report = await this.#handOver(client, to, preset);
    const tookMs = toMilliseconds(elapsed(report.startedAt, report.endedAt));
    if (!report.outcome.ok) {
      this.#output.event('handoff-failed', { client: text, to, reason: report.outcome.reason });
      const stays = this.#member.clients().some((c) => c.client.equals(client));
      const where = stays ? `, the client stays with ${this.#options.name}` : '';
      throw new UserError(`the handoff to ${to} failed${where}: ${report.outcome.reason}`);
    }
    const result = { id: report.id, client: text, from: this.#options.name, to, preset, tookMs };
    this.#output.event('handed-off', result, `Handed ${client} to ${to} (${preset}, ${tookMs.toFixed(1)} ms).`);
    return result;
  }

  #handOver(client: Address, to: string, preset: PresetName): Promise<HandoffReport> {
    return new Promise((resolve, reject) => {
      const now: Instant = this.#runtime.clock.now();
      const refusal = this.#member.handoff(now, client, to, PRESETS[preset], resolve);
      if (refusal !== undefined) reject(new UserError(refusal));
    });
  }
}

/** 'replay mismatch' */
function statusName(status: number): string {
  const [name = 'unknown'] = Object.entries(BINDING_STATUS).find(([, value]) => value === status) ?? [];
  return name.replace(/[A-Z]/g, (letter) => ` ${letter.toLowerCase()}`);
}
