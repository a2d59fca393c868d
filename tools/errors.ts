// What a command says when it cannot do what was asked: one line on stderr and exit status 1. A UserError is
// meant for the reader and names what is wrong and what to do; anything else is a bug or a system error and is
// put into one line here. HOMEPORT_DEBUG=1 adds the stack.

/** Something the caller can mend: bad input, a missing device, a permission. */
export class UserError extends Error {
  override readonly name = 'UserError';
}

/** Ends the command with this status and no further word (the command has said what there is to say). */
export class Exit extends Error {
  override readonly name = 'Exit';
  readonly status: number;

  constructor(status: number) {
    super(`exit status ${status}`);
    this.status = status;
  }
}

interface SystemError extends Error {
  readonly code: string;
  readonly path?: string;
  readonly syscall?: string;
}

const isSystemError = (error: unknown): error is SystemError =>
  error instanceof Error && 'code' in error && typeof error.code === 'string';

const SYSTEM_ERRORS: Readonly<Record<string, string>> = {
  ENOENT: 'no such file or directory',
  EACCES: 'permission denied',
  EPERM: 'operation not permitted',
  EISDIR: 'is a directory, not a file',
  ENOTDIR: 'not a directory',
  EEXIST: 'exists already',
  ENOSPC: 'no space left on the disk',
  EADDRINUSE: 'port in use',
  EADDRNOTAVAIL: 'not an address of this node',
  ECONNREFUSED: 'connection refused',
  ECONNRESET: 'connection reset by the peer',
  ETIMEDOUT: 'no answer in time',
  EHOSTUNREACH: 'no route to the host',
  ENETUNREACH: 'no route to the network',
  EBUSY: 'in use by another process',
};

/** Any thrown value as one line without a stack. */
export function explain(error: unknown): string {
  if (error instanceof UserError) return oneLine(error.message);
  if (isSystemError(error)) {
    const what = SYSTEM_ERRORS[error.code];
    if (what !== undefined && error.path !== undefined) return `${error.path}: ${what}`;
    // A message that was written for people does not name the code; one that does needs the word for it.
    if (what !== undefined && error.message.includes(error.code)) return `${what} (${oneLine(error.message)})`;
  }
  return oneLine(error instanceof Error ? error.message : String(error));
}

const oneLine = (text: string): string => text.trim().replace(/\s*\n\s*/g, '; ');
