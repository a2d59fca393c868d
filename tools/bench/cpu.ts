// CPU time of a process, as /proc tells it.

import { readFileSync } from 'node:fs';

/** USER_HZ, in which /proc tells CPU time: 100 on every architecture that Node runs on. */
const TICKS_PER_SECOND = 100;

/** User and system time of a process so far: nsenter(1) and taskset(1) become what they start, PID and all. */
export function cpuSeconds(pid: number): number {
  const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  const [user = 0, system = 0] = [fields[14 - 3], fields[15 - 3]].map(Number);
  return (user + system) / TICKS_PER_SECOND;
}
