// The number of each client's last handoff, as far as this member knows: one higher with each. A PREPARE with a
// number that is past is refused. The oldest entries are forgotten when the table is full.

import type { Address } from '../wire/address.ts';

export const MAX_EPOCHS = 65_536;

export class ClientEpochs {
  readonly #epochs = new Map<string, number>();

  /** 0: no handoff of this client is known. */
  of(client: Address): number {
    return this.#epochs.get(client.key) ?? 0;
  }

  /** Takes note of a handoff; a number that is past changes nothing. */
  note(client: Address, epoch: number): void {
    if (epoch <= this.of(client)) return;
    this.#epochs.delete(client.key);
    const [oldest] = this.#epochs.keys();
    if (this.#epochs.size >= MAX_EPOCHS && oldest !== undefined) this.#epochs.delete(oldest);
    this.#epochs.set(client.key, epoch);
  }
}
