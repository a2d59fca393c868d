// What the commands print. People get text on stdout and a progress bar on a terminal's stderr; programs
// (--json) get one JSON object a line on stdout, the first key always "event". Nothing else writes to stdout.

/** The streams a command talks to; tests bring their own. */
export interface Terminal {
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Is stderr a terminal that a progress bar can be redrawn on? */
  readonly interactive: boolean;
  readonly columns: number;
  out(text: string): void;
  err(text: string): void;
  /** Milliseconds on a clock of any origin; paces the progress bar. */
  now(): number;
}

export const processTerminal: Terminal = {
  env: process.env,
  interactive: process.stderr.isTTY === true,
  get columns() {
    return process.stderr.columns || 80; // 0: a terminal that does not know
  },
  out: (text) => void process.stdout.write(text),
  err: (text) => void process.stderr.write(text),
  now: () => performance.now(),
};

export type Fields = Readonly<Record<string, unknown>>;

export class Output {
  readonly terminal: Terminal;
  readonly json: boolean;

  constructor(terminal: Terminal, options: { readonly json?: boolean | undefined }) {
    this.terminal = terminal;
    this.json = options.json === true;
  }

  /** Text for people only. */
  say(text: string): void {
    if (!this.json) this.terminal.out(`${text}\n`);
  }

  /** One line for programs, and `text`, where given, for people. */
  event(event: string, fields: Fields, text?: string): void {
    if (this.json) this.terminal.out(`${JSON.stringify({ event, ...fields }, plain)}\n`);
    else if (text !== undefined) this.terminal.out(`${text}\n`);
  }

  warn(text: string): void {
    this.terminal.err(`homeport: ${text}\n`);
  }

  progress(label: string, total: number): Progress {
    return new Progress(this, label, total);
  }
}

/** bigint as a decimal string, octets as hexadecimal digits, things with a text form of their own as that. */
function plain(_key: string, value: unknown): unknown {
  if (typeof value === 'bigint') return value.toString();
  if (value instanceof Uint8Array) return Array.from(value, (octet) => octet.toString(16).padStart(2, '0')).join('');
  return value;
}

const REDRAW_MS = 50;
/** Programs get a line each 1/256 of the way, or after so long without one. */
const JSON_STEPS = 256;
const JSON_EVERY_MS = 200;
/** Without a terminal: a line each tenth of the way. */
const TEXT_STEPS = 10;

/** How far a long piece of work is: a bar on a terminal, lines elsewhere. */
export class Progress {
  readonly #output: Output;
  readonly #label: string;
  readonly #total: number;
  readonly #start: number;
  #step = -1;
  #last = Number.NEGATIVE_INFINITY;
  #drawn = false;

  constructor(output: Output, label: string, total: number) {
    this.#output = output;
    this.#label = label;
    this.#total = total;
    this.#start = output.terminal.now();
  }

  /** `note` is for people, `fields` are for programs. */
  update(done: number, note = '', fields: Fields = {}): void {
    const now = this.#output.terminal.now();
    const share = this.#total > 0 ? Math.min(1, done / this.#total) : 1;
    if (this.#output.json) this.#json(now, done, share, fields);
    else if (this.#output.terminal.interactive) this.#draw(now, done, share, note);
    else this.#line(done, share, now, note);
  }

  /** Wipes the bar, so that what is printed next starts on a clean line. */
  finish(): void {
    if (this.#drawn) this.#output.terminal.err('\r\x1b[K');
    this.#drawn = false;
  }

  #json(now: number, done: number, share: number, fields: Fields): void {
    const step = Math.floor(share * JSON_STEPS);
    if (step === this.#step && now - this.#last < JSON_EVERY_MS) return;
    this.#step = step;
    this.#last = now;
    this.#output.event('progress', { label: this.#label, done, total: this.#total, ...fields });
  }

  #draw(now: number, done: number, share: number, note: string): void {
    if (now - this.#last < REDRAW_MS && share < 1) return;
    this.#last = now;
    const text = this.#text(now, done, share, note);
    const width = Math.max(10, Math.min(40, this.#output.terminal.columns - text.length - this.#label.length - 4));
    const full = Math.round(share * width);
    const bar = '━'.repeat(full) + ' '.repeat(width - full);
    this.#output.terminal.err(`\r\x1b[K${this.#label} ${bar} ${text}`);
    this.#drawn = true;
  }

  #line(done: number, share: number, now: number, note: string): void {
    const step = Math.floor(share * TEXT_STEPS);
    if (step === this.#step) return;
    this.#step = step;
    this.#output.terminal.err(`${this.#label} ${this.#text(now, done, share, note)}\n`);
  }

  #text(now: number, done: number, share: number, note: string): string {
    const seconds = Math.max(0.001, (now - this.#start) / 1000);
    const parts = [`${Math.floor(share * 100)} %`, octets(done), `${octets(done / seconds)}/s`];
    if (note !== '') parts.push(note);
    return parts.join('  ');
  }
}

const UNITS = ['B', 'KiB', 'MiB', 'GiB', 'TiB'] as const;

/** 1536 -> '1.5 KiB'. */
export function octets(n: number): string {
  let value = n;
  let unit = 0;
  while (value >= 1024 && unit < UNITS.length - 1) {
    value /= 1024;
    unit += 1;
  }
  return `${unit === 0 || value >= 100 ? Math.round(value) : value.toFixed(1)} ${UNITS[unit] ?? ''}`;
}

/** Rows of cells in columns that line up; the first row is the head. */
export function table(rows: readonly (readonly string[])[], indent = '  '): string {
  const widths: number[] = [];
  for (const row of rows) {
    for (const [i, cell] of row.entries()) widths[i] = Math.max(widths[i] ?? 0, cell.length);
  }
  return rows
    .map((row) => (indent + row.map((cell, i) => cell.padEnd(widths[i] ?? 0)).join('  ')).trimEnd())
    .join('\n');
}
