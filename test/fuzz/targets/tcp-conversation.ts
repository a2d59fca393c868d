// A program of segments, calls, time, errors and handoffs against one real Tcp.

import { ByteReader } from '../byte-reader.ts';
import { playConversation } from '../conversation-events.ts';

export const fuzz = (data: Uint8Array): void => playConversation(new ByteReader(Uint8Array.from(data)));
