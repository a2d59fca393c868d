// A demo run, inside its namespaces: the lab, each role as a process of its own from the public command line, the
// handoffs at their places in the download, and in the end the figures. Nothing waits for a time: each step waits
// for the line in which a role says that it is ready.

import { mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, dirname, join } from 'node:path';
import { UserError } from '../errors.ts';
import { furnishLab } from '../lab/furnish.ts';
import { buildNamespaces } from '../lab/namespaces.ts';
import { flagsOfTopology } from '../lab/options.ts';
import { CLIENT_SITE, CONTACT_ADDRESS, HOME_SITE, SERVER_SITES, siteNamed } from '../lab/topology.ts';
import type { Output } from '../output.ts';
import { adminSocket, callAdmin } from '../roles/admin.ts';
import { drawFrom, type GetResult } from '../roles/client.ts';
import { sha256OfFile, writeSeededFile } from '../seeded-file.ts';
import {
  clientArguments,
  type DemoFiles,
  type DemoOptions,
  homeAgentArguments,
  type PlannedHandoff,
  planHandoffs,
  serverArguments,
} from './plan.ts';
import { type RoleOptions, type RoleProcess, Roles } from './role-process.ts';
import type { DemoFigures, HandoffResult } from './verdict.ts';
import { WatchedDownload } from './watched-download.ts';
import { checkWire } from './wire-check.ts';

const HANDOFF_MS = 60_000;

export async function runDemo(options: DemoOptions, output: Output): Promise<DemoFigures> {
  const work = mkdtempSync(join(tmpdir(), 'homeport-demo-'));
  const roles = new Roles();
  try {
    return await new Demo(options, output, roles, work).run();
  } finally {
    await roles.stop();
    rmSync(work, { recursive: true, force: true });
  }
}

class Demo {
  readonly #options: DemoOptions;
  readonly #output: Output;
  readonly #roles: Roles;
  readonly #files: DemoFiles;

  constructor(options: DemoOptions, output: Output, roles: Roles, work: string) {
    this.#options = options;
    this.#output = output;
    this.#roles = roles;
    this.#files = {
      captureOf: (name) => join(options.out, `${name}.pcapng`),
      serve: options.file === undefined ? join(work, 'files') : dirname(options.file),
      received: join(work, 'received'),
    };
  }

  async run(): Promise<DemoFigures> {
    const { topology, out } = this.#options;
    mkdirSync(out, { recursive: true });
    const { file, sha256 } = await this.#original();
    buildNamespaces(topology);
    const group = furnishLab(topology);
    const router = await this.#startRouter();
    const servers = await this.#startServers();
    const names = new Map(group.members.map(({ name, careOf }) => [careOf.toString(), name]));
    const { result, tookMs } = await this.#download(file, servers, names);
    const receivedSha256 = await sha256OfFile(this.#files.received);
    await this.#roles.stop(); // captures are whole when their writers have ended
    const { links } = await router.event('router');
    return { ...this.#figures(file, sha256, receivedSha256, result, tookMs, names), links };
  }

  /** The file that is served, and what it is hashed to. */
  async #original(): Promise<{ file: string; sha256: string }> {
    const { file, size, topology } = this.#options;
    if (file !== undefined) return { file: basename(file), sha256: await sha256OfFile(file) };
    mkdirSync(this.#files.serve);
    const name = 'file';
    return { file: name, sha256: await writeSeededFile(join(this.#files.serve, name), size, topology.seed) };
  }

  async #startRouter(): Promise<RoleProcess> {
    const args = ['lab', 'router', '--pcap', this.#files.captureOf('lab'), ...flagsOfTopology(this.#options.topology)];
    const router = this.#roles.start({ title: 'router', site: undefined, args });
    await router.event('ready');
    return router;
  }

  #start(title: string, site: string, args: readonly string[], onEvent?: RoleOptions['onEvent']): RoleProcess {
    const where = siteNamed(this.#options.topology, site);
    return this.#roles.start({ title, site: where, args, ...(onEvent !== undefined && { onEvent }) });
  }

  /** The home agent, then the servers, until each is registered and knows the other. */
  async #startServers(): Promise<Map<string, RoleProcess>> {
    await this.#start('home agent', HOME_SITE, homeAgentArguments(this.#files)).event('ready');
    const servers = new Map<string, RoleProcess>();
    for (const name of SERVER_SITES) {
      servers.set(name, this.#start(`server ${name}`, name, serverArguments(this.#files, name)));
    }
    const all = [...servers.values()];
    await Promise.all(all.flatMap((server) => [server.event('ready'), server.event('connected')]));
    return servers;
  }

  /** The download with its handoffs. */
  async #download(
    file: string,
    servers: ReadonlyMap<string, RoleProcess>,
    names: ReadonlyMap<string, string>,
  ): Promise<{ result: GetResult; tookMs: readonly (number | undefined)[] }> {
    const watched = new WatchedDownload({
      output: this.#output,
      plan: planHandoffs(this.#options),
      client: CLIENT_SITE,
      names,
      handOff: (plan) => this.#handOff(plan, servers),
    });
    const client = this.#start('client', CLIENT_SITE, clientArguments(this.#files, file), watched.onEvent);
    const result = (await client.event('done').finally(() => watched.finish())) as unknown as GetResult;
    return { result, tookMs: await watched.handoffs() };
  }

  /** Through the admin socket of the node that has the client, once its binding is there. */
  async #handOff(plan: PlannedHandoff, servers: ReadonlyMap<string, RoleProcess>): Promise<number | undefined> {
    const client = siteNamed(this.#options.topology, CLIENT_SITE).node.toString();
    const donor = servers.get(plan.from);
    if (donor === undefined) throw new UserError(`no server ${plan.from}`);
    await donor.event('bound', (event) => event.client === client);
    const request = { request: 'handoff', client, to: plan.to, preset: plan.preset };
    const report = await callAdmin(adminSocket(plan.from), request, HANDOFF_MS);
    return typeof report.tookMs === 'number' ? report.tookMs : undefined;
  }

  #figures(
    file: string,
    expectedSha256: string,
    receivedSha256: string,
    download: GetResult,
    tookMs: readonly (number | undefined)[],
    names: ReadonlyMap<string, string>,
  ): Omit<DemoFigures, 'links'> {
    const { topology, out } = this.#options;
    const handoffs = planHandoffs(this.#options).map((plan, i): HandoffResult => {
      const seen = download.handoffs[i];
      const expected = names.get(seen?.from ?? '') === plan.from && names.get(seen?.to ?? '') === plan.to;
      return { ...plan, tookMs: tookMs[i], handoffMs: expected ? seen?.handoffMs : undefined };
    });
    const client = siteNamed(topology, CLIENT_SITE).node;
    const wire = checkWire(readFileSync(this.#files.captureOf('lab')), client, CONTACT_ADDRESS);
    const timeline = join(out, 'timeline.svg');
    const notes = handoffs.map(
      (h) => `${h.preset}: ${h.formula} = ${h.formulaMs.toFixed(1)} ms, seen ${h.handoffMs?.toFixed(1) ?? '-'} ms`,
    );
    drawFrom(this.#files.captureOf('client'), timeline, {
      names,
      notes,
      title: `A download over ${handoffs.length} handoffs`,
    });
    const captures = ['lab', 'client', 'home', ...SERVER_SITES].map((name) => this.#files.captureOf(name));
    return { file, expectedSha256, receivedSha256, download, handoffs, wire, names, timeline, captures };
  }
}
