// The TUN device and what goes with it, for programs that build on the stack: `import ... from 'homeport/tun'`.

export { CaptureFile, type CaptureFileOptions } from './capture-file.ts';
export { MonotonicClock, WallClock } from './clock.ts';
export { SystemRandom } from './random.ts';
export { TimerDriver } from './timer-driver.ts';
export { openTun, type TunDevice, type TunOptions } from './tun-device.ts';
