// Transfers between our stack and a kernel peer over HTTP/1.1: curl against node:http on our sockets, and
// node:http on our sockets against node:http of the kernel. Each tells the hash of what was sent and of what came.

import { mkdtempSync, rmSync } from 'node:fs';
import { type IncomingMessage, request } from 'node:http';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { fileURLToPath } from 'node:url';
import type { Server } from '../../stack/tcp/socket-server.ts';
import { writeSeededFile } from '../seeded-file.ts';
import { contentHash, contentPath, contentServer, contentStream, hashOfStream } from './content.ts';
import { ready, runIn, spawnIn } from './namespace.ts';
import type { Scene } from './scene.ts';

export const TRANSFER_KINDS = ['curl-download', 'curl-upload', 'our-download', 'our-upload'] as const;
/** Named after the client and what it does: curl is the kernel's, `our` is the stack's. */
export type TransferKind = (typeof TRANSFER_KINDS)[number];

export interface Transfer {
  readonly sent: string;
  readonly received: string;
  readonly seconds: number;
}

const OUR_PORT = 8080;
const KERNEL_PORT = 8081;

/** Both servers of a scene, and the four kinds of transfer between them. */
export class TransferBench {
  readonly #scene: Scene;
  readonly #server: Server;
  readonly #kernel: ReturnType<typeof spawnIn>;
  readonly #timeoutMs: number;

  /** `timeoutMs`: what a transfer may take; it rejects when it takes longer. */
  static async open(scene: Scene, timeoutMs: number): Promise<TransferBench> {
    const bench = new TransferBench(scene, timeoutMs);
    await ready(bench.#kernel);
    return bench;
  }

  private constructor(scene: Scene, timeoutMs: number) {
    this.#scene = scene;
    this.#timeoutMs = timeoutMs;
    const http = contentServer();
    const onSocket = (socket: unknown) => http.emit('connection', socket);
    this.#server = scene.stack.host.listen({ address: scene.stackAddress, port: OUR_PORT }, onSocket);
    const script = builtScript('content-server.js');
    const where = [scene.kernelAddress.toString(), String(KERNEL_PORT)];
    this.#kernel = spawnIn(scene.kernelNetns, process.execPath, [script, ...where]);
  }

  async run(kind: TransferKind, length: number, seed: number): Promise<Transfer> {
    const started = performance.now();
    const hashes = await this.#run(kind, length, seed);
    return { ...hashes, seconds: (performance.now() - started) / 1000 };
  }

  close(): void {
    this.#server.close();
    this.#kernel.kill();
  }

  #run(kind: TransferKind, length: number, seed: number): Promise<Omit<Transfer, 'seconds'>> {
    switch (kind) {
      case 'curl-download':
        return this.#curlDownload(length, seed);
      case 'curl-upload':
        return this.#curlUpload(length, seed);
      case 'our-download':
        return this.#ourDownload(length, seed);
      case 'our-upload':
        return this.#ourUpload(length, seed);
    }
  }

  async #curlDownload(length: number, seed: number): Promise<Omit<Transfer, 'seconds'>> {
    const url = `http://[${this.#scene.stackAddress}]:${OUR_PORT}${contentPath(length, seed)}`;
    // The shell's status is that of its last command: a curl that fails shows in the hash and on stderr.
    const stdout = await this.#shell(`curl --silent --show-error --globoff --fail '${url}' | sha256sum`);
    return { sent: contentHash(length, seed), received: stdout.split(' ')[0] ?? '' };
  }

  async #curlUpload(length: number, seed: number): Promise<Omit<Transfer, 'seconds'>> {
    const folder = mkdtempSync(join(tmpdir(), 'homeport-upload-'));
    try {
      const file = join(folder, 'content');
      const sent = await writeSeededFile(file, length, seed);
      const url = `http://[${this.#scene.stackAddress}]:${OUR_PORT}/`;
      const stdout = await this.#shell(`curl --silent --show-error --globoff --fail --upload-file ${file} '${url}'`);
      return { sent, received: stdout.trim() };
    } finally {
      rmSync(folder, { recursive: true });
    }
  }

  async #ourDownload(length: number, seed: number): Promise<Omit<Transfer, 'seconds'>> {
    const client = this.#request('GET', contentPath(length, seed));
    const response = responseTo(client);
    client.end();
    const received = await hashOfStream(await response);
    return { sent: contentHash(length, seed), received };
  }

  async #ourUpload(length: number, seed: number): Promise<Omit<Transfer, 'seconds'>> {
    const client = this.#request('PUT', '/', { 'Content-Length': length });
    const response = responseTo(client);
    await Promise.all([pipeline(contentStream(length, seed), client), response]);
    let received = '';
    for await (const chunk of await response) received += String(chunk);
    return { sent: contentHash(length, seed), received: received.trim() };
  }

  #request(method: string, path: string, headers: Record<string, number> = {}) {
    const { stack, kernelAddress } = this.#scene;
    return request({
      method,
      path,
      headers: { ...headers, host: `[${kernelAddress}]:${KERNEL_PORT}` },
      signal: AbortSignal.timeout(this.#timeoutMs),
      createConnection: () => stack.host.connect({ address: kernelAddress, port: KERNEL_PORT }),
    });
  }

  async #shell(command: string): Promise<string> {
    const { status, stdout, stderr } = await runIn(this.#scene.kernelNetns, 'sh', ['-c', command], this.#timeoutMs);
    if (status !== 0 || stderr !== '') throw new Error(`${command}: status ${status}: ${stderr.trim()}`);
    return stdout;
  }
}

const responseTo = (client: ReturnType<typeof request>): Promise<IncomingMessage> =>
  new Promise((resolve, reject) => {
    client.once('response', resolve);
    client.once('error', reject);
  });

/** A compiled program of this folder, also when this runs from the sources (tests). */
export function builtScript(name: string): string {
  const here = fileURLToPath(import.meta.url);
  const built = here.endsWith('.js') ? dirname(here) : join(dirname(here), '..', '..', 'dist', 'tools', 'bench');
  return join(built, name);
}
