// What every kind of client is tried in: a lab with a home agent and the servers a and b, files to be served, handoffs
// asked for as a user asks for them, and afterwards what tshark says of all that crossed the lab's Internet. Runs the
// built `homeport` command; nothing of it is left after down().

import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'vitest';
import { UPLOAD_PREFIX } from '../../stack/server/file-upload.ts';
import { address } from '../../stack/wire/address.ts';
import { writeSeededFile } from '../../tools/seeded-file.ts';
import { readTimeline, type SeenHandoff } from '../../tools/timeline/timeline.ts';
import { Homeport, type Running } from './homeport.ts';
import { eventually } from './support.ts';

export const CONTACT = '2001:db8:100::1';
/** What a stack of ours in site c answers for; the kernel there has KERNEL_CLIENT. */
export const CLIENT = '2001:db8:c::1';
export const KERNEL_CLIENT = '2001:db8:c::fe';
export const CARE_OF = { a: '2001:db8:a::1', b: '2001:db8:b::1' } as const;

const READY_MS = 20_000;
const HANDOFF_READY_MS = 15_000;
const TSHARK_BUFFER = 2 ** 28;

export interface SceneOptions {
  /** Flags of `lab up`, such as ['--rate', 'c-a=30mbit']. */
  readonly lab?: readonly string[];
  /** Flags of each `server`, beside --serve. */
  readonly server?: readonly string[];
  /** Flags of `home-agent`. */
  readonly homeAgent?: readonly string[];
}

type Server = keyof typeof CARE_OF;

export class ClientScene {
  readonly directory = mkdtempSync(join(tmpdir(), 'homeport-client-'));
  /** What both servers serve. */
  readonly files = join(this.directory, 'files');
  /** Of the whole lab, an interface a site: whole after down(). */
  readonly capture = join(this.directory, 'lab.pcapng');
  readonly #homeport = new Homeport(this.directory);
  readonly #servers = new Map<Server, Running>();

  private constructor() {
    mkdirSync(this.files);
  }

  /** Until home agent and servers are ready and know each other. */
  static async up(options: SceneOptions = {}): Promise<ClientScene> {
    const scene = new ClientScene();
    try {
      await scene.#build(options);
    } catch (error) {
      await scene.close();
      throw error;
    }
    return scene;
  }

  async #build({ lab = [], server = [], homeAgent = [] }: SceneOptions): Promise<void> {
    const up = await this.homeport('lab', 'up', '--detach', '--pcap', this.capture, ...lab);
    expect(up).toMatchObject({ status: 0, stderr: '' });
    await says(this.role('home', 'home-agent', ...homeAgent), 'Home agent 2001:db8:1::1 for');
    for (const name of ['a', 'b'] as const) {
      this.#servers.set(name, this.role(name, 'server', '--serve', this.files, ...server));
    }
    for (const [name, running] of this.#servers) {
      await says(running, `Server node ${name} (`);
      await says(running, `Connected to node ${name === 'a' ? 'b' : 'a'}.`);
    }
  }

  /** `homeport ...` outside the sites, to its end. */
  homeport(...args: readonly string[]): Running['ended'] {
    return this.#homeport.run(...args);
  }

  /** `homeport ...` in a site. */
  role(site: string, ...args: readonly string[]): Running {
    return this.inSite(site, 'homeport', ...args);
  }

  /** Any program in a site. */
  inSite(site: string, ...command: readonly string[]): Running {
    return this.#homeport.start('lab', 'exec', site, '--', ...command);
  }

  /** What a server has said so far. */
  written(server: Server): Running['written'] {
    const running = this.#servers.get(server);
    if (running === undefined) throw new Error(`server ${server} does not run`);
    return running.written;
  }

  /** A file that the servers serve, of random octets; gives its SHA-256. */
  serve(name: string, size: number, seed = 1): Promise<string> {
    return writeSeededFile(join(this.files, name), size, seed);
  }

  /** A file that a client may send, of random octets; gives its path and SHA-256. */
  async toSend(name: string, size: number, seed = 2): Promise<{ readonly path: string; readonly sha256: string }> {
    const path = this.path(name);
    return { path, sha256: await writeSeededFile(path, size, seed) };
  }

  /** Resolves when the servers have so many octets of the one upload that is under way. */
  uploaded(octets: number): Promise<void> {
    const size = (): number => {
      const name = readdirSync(this.files).find((each) => each.startsWith(UPLOAD_PREFIX));
      return name === undefined ? 0 : (statSync(join(this.files, name), { throwIfNoEntry: false })?.size ?? 0);
    };
    return eventually(`${octets} octets are uploaded`, () => size() >= octets, READY_MS);
  }

  /** A path in the directory of the scene. */
  path(name: string): string {
    return join(this.directory, name);
  }

  /**
   * Hands the client over; gives what `homeport handoff --json` says. A client that came a moment ago may not be bound
   * yet: asked again until it is.
   */
  async handoff(client: string, to: Server, ...flags: readonly string[]): Promise<Readonly<Record<string, unknown>>> {
    const end = performance.now() + HANDOFF_READY_MS;
    for (;;) {
      const done = await this.homeport('handoff', '--client', client, '--to', to, '--json', ...flags);
      if (done.status === 0) return JSON.parse(done.stdout);
      const early = /no binding for this node|not yet|in a moment/.test(done.stderr);
      if (!early || performance.now() > end) throw new Error(`handoff of ${client} to ${to}: ${done.stderr}`);
    }
  }

  /** Ends everything in the lab, so that its capture is whole. */
  async down(): Promise<void> {
    expect(await this.homeport('lab', 'down')).toMatchObject({ status: 0, stderr: '' });
  }

  /** After down(), or in its place when something went wrong. */
  async close(): Promise<void> {
    await this.homeport('lab', 'down');
    rmSync(this.directory, { recursive: true, force: true });
  }

  /** One line a packet that the filter lets through, with these fields. After down(). */
  tshark(filter: string, ...fields: readonly string[]): Promise<string[]> {
    const wanted = fields.flatMap((field) => ['-e', field]);
    // Of a client that is served through the home agent each segment is in the capture twice, in the tunnel and out of it:
    // whoever puts the stream together takes the second for a malformed first.
    const preferences = ['-o', 'tcp.check_checksum:TRUE', '-o', 'tcp.desegment_tcp_streams:FALSE'];
    const args = ['-r', this.capture, ...preferences, '-Y', filter, '-T', 'fields', ...wanted];
    return new Promise((resolve, reject) => {
      execFile('tshark', args, { maxBuffer: TSHARK_BUFFER }, (error, stdout) => {
        if (error !== null) reject(error);
        else resolve(stdout.split('\n').filter((line) => line !== ''));
      });
    });
  }

  /** No malformed packet, no bad checksum, no reset of a connection with the contact address, of those `whose` lets through. After down(). */
  async expectCleanWire(whose = 'tcp'): Promise<void> {
    const bad = '_ws.malformed || tcp.checksum.status == 0 || icmpv6.checksum.status == 0'; // 0: bad, 1: good
    expect(await this.tshark(bad, 'frame.number', 'frame.interface_name')).toEqual([]);
    expect(await this.tshark('tcp.checksum.status == 1 && tcp.len > 0', 'frame.number')).not.toEqual([]);
    expect(await this.tshark(`${whose} && tcp.flags.reset == 1 && ipv6.addr == ${CONTACT}`, 'frame.number')).toEqual(
      [],
    );
  }

  /** The handoffs as the client's IP layer saw them in its download (from the first SYN on, or that of `client`). */
  handoffsSeen(client: string): readonly SeenHandoff[] {
    const read = readTimeline(readFileSync(this.capture), { client: address(client) });
    if (!read.ok) throw new Error(read.reason);
    return read.timeline.handoffs;
  }
}

/** Resolves when the program has said this, on whichever output. */
export const says = (running: Running, text: string): Promise<void> =>
  eventually(`'${text}' is said`, () => (running.written.stdout + running.written.stderr).includes(text), READY_MS);

/** Resolves when a file has grown to so many octets: a transfer is in its midst. */
export const grownTo = (path: string, octets: number): Promise<void> =>
  eventually(
    `${path} has ${octets} octets`,
    () => (statSync(path, { throwIfNoEntry: false })?.size ?? 0) >= octets,
    READY_MS,
  );

export const sha256Of = (path: string): string => createHash('sha256').update(readFileSync(path)).digest('hex');
