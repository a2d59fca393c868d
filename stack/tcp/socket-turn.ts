// When a socket looks at what the core has told: at the next tick, so that a burst of segments is one read. But two
// sockets of one process that talk over a link without delay could go on like that for ever, tick after tick, and
// timers, promises and other I/O would never have their turn: so only so often, then in the next turn of the loop.

/** Looks within one turn of Node's loop, all sockets together. */
const MAX_LOOKS_PER_TURN = 256;

let looks = 0;
let turnEnds = false;

/** Calls `look` soon, and never from inside this call. */
export function soon(look: () => void): void {
  looks += 1;
  if (!turnEnds) {
    turnEnds = true;
    setImmediate(beginTurn);
  }
  if (looks <= MAX_LOOKS_PER_TURN) process.nextTick(look);
  else setImmediate(look);
}

function beginTurn(): void {
  turnEnds = false;
  looks = 0;
}
