// What a file server's connection takes along in a handoff: where it is in its current response, and the octets of
// requests that it has read but not answered. Or where it is in a file that the client sends. Checked when it arrives: it comes from another node.

import { type UploadState, uploadStateOf } from './file-upload.ts';

/** A response whose head has been written. */
export interface ResponseState {
  /** Path below the directory that is served. */
  readonly path: string;
  readonly size: number;
  /** Of the whole file, in hexadecimal digits: the acceptor's copy has to be the same. */
  readonly sha256: string;
  /** The next octet of the file that has to be written. */
  readonly offset: number;
  /** Behind the last octet that has to be written. */
  readonly end: number;
  readonly keepAlive: boolean;
}

export interface FileState {
  readonly version: 1;
  /** Octets of requests not answered yet. */
  readonly leftover: Uint8Array;
  readonly response: ResponseState | undefined;
  /** A request whose body is being read, `leftover` beginning with more of it. */
  readonly upload: UploadState | undefined;
  /** The last response is written, end() has been called. */
  readonly finished: boolean;
}

type Unchecked<T> = Partial<Record<keyof T, unknown>>;
const isRecord = (value: unknown): value is object => typeof value === 'object' && value !== null;

/** Undefined for anything that is no FileState of this version. */
export function fileStateOf(value: unknown): FileState | undefined {
  if (!isRecord(value)) return undefined;
  const { version, leftover, response, upload, finished } = value as Unchecked<FileState>;
  if (version !== 1 || !(leftover instanceof Uint8Array) || typeof finished !== 'boolean') return undefined;
  const checked = response === undefined || response === null ? undefined : responseStateOf(response);
  const uploading = upload === undefined || upload === null ? undefined : uploadOf(upload);
  if (checked === 'wrong' || uploading === 'wrong') return undefined;
  return { version, leftover, response: checked, upload: uploading, finished };
}

const uploadOf = (value: unknown): UploadState | 'wrong' => (isRecord(value) && uploadStateOf(value)) || 'wrong';

function responseStateOf(value: unknown): ResponseState | 'wrong' {
  if (!isRecord(value)) return 'wrong';
  const { path, size, sha256, offset, end, keepAlive } = value as Unchecked<ResponseState>;
  if (typeof path !== 'string' || typeof sha256 !== 'string' || typeof keepAlive !== 'boolean') return 'wrong';
  if (!isOffset(size) || !isOffset(offset) || !isOffset(end) || offset > end || end > size) return 'wrong';
  return { path, size, sha256, offset, end, keepAlive };
}

const isOffset = (value: unknown): value is number => Number.isSafeInteger(value) && Number(value) >= 0;
