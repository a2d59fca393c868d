// Two honest TCPs over a hostile network: the octets say what becomes of each packet and what the applications do,
// connections move to other nodes, and at last the network is perfect. Then both streams must have arrived whole.

import { ByteReader } from '../byte-reader.ts';
import { playPair } from '../pair.ts';

export const fuzz = (data: Uint8Array): void => playPair(new ByteReader(Uint8Array.from(data)));
