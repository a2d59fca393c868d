// socket.setTimeout(): tells when nothing has been read or written for a while. One Node timer that is
// pushed back on activity and never keeps the process alive by itself.

export class IdleTimer {
  readonly #expired: () => void;
  #timer: NodeJS.Timeout | undefined;

  constructor(expired: () => void) {
    this.#expired = expired;
  }

  /** 0 switches it off. */
  set(milliseconds: number): void {
    clearTimeout(this.#timer);
    this.#timer = milliseconds > 0 ? setTimeout(this.#expired, milliseconds).unref() : undefined;
  }

  /** There was activity. */
  refresh(): void {
    this.#timer?.refresh();
  }

  stop(): void {
    this.set(0);
  }
}
