// An app of the handoff contract that notes what it is asked, and answers as a test wants it.

import type { Instant } from '../../stack/core/time.ts';
import type { AppState, HandoffApp, Refusal } from '../../stack/server/app-contract.ts';
import type { Connection } from '../../stack/tcp/api.ts';

export class FakeApp implements HandoffApp {
  readonly asked: string[] = [];
  readonly restored: AppState[] = [];
  saves: (connection: Connection) => AppState | Promise<AppState> = (connection) => ({ port: connection.remote.port });
  restores: (connection: Connection) => Refusal | undefined | Promise<Refusal | undefined> = () => undefined;

  accept(_now: Instant, connection: Connection): void {
    this.#note('accept', connection);
  }
  quiesce(_now: Instant, connection: Connection): void {
    this.#note('quiesce', connection);
  }
  save(_now: Instant, connection: Connection): AppState | Promise<AppState> {
    this.#note('save', connection);
    return this.saves(connection);
  }
  resume(_now: Instant, connection: Connection): void {
    this.#note('resume', connection);
  }
  released(_now: Instant, connection: Connection): void {
    this.#note('released', connection);
  }
  restore(_now: Instant, connection: Connection, state: AppState): Refusal | undefined | Promise<Refusal | undefined> {
    this.#note('restore', connection);
    this.restored.push(state);
    return this.restores(connection);
  }

  #note(what: string, connection: Connection): void {
    this.asked.push(`${what} ${connection.remote.port}`);
  }
}

/** Lets what has been promised come true. */
export const settled = async (): Promise<void> => {
  for (let turn = 0; turn < 10; turn++) await Promise.resolve();
};
