// `homeport client gateway` on the router of a network, as the README sets one up: a host behind it, with a kernel as
// it ships, is handed over twice in mid-download; what has nothing to do with Mobile IPv6 passes.

import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { CARE_OF, ClientScene, CONTACT, grownTo, KERNEL_CLIENT, says, sha256Of } from './client-scene.ts';
import type { Running } from './homeport.ts';
import { requireOrSkip } from './support.ts';

/** Ten seconds at the rate of the lab: time enough for two handoffs on a busy machine. */
const SIZE = 12 * 1024 * 1024;
const TIMEOUT_MS = 90_000;
/** The host behind the router. */
const HOST = '2001:db8:c::2';
/** A kernel that is no member of the group, and a port there. */
const BYSTANDER = '2001:db8:a::fe';
const PORT = 8080;
/** The kernel of site c, of which the gateway has borrowed its address. */
const ROUTER = KERNEL_CLIENT;
/** Of what an echo holds, on a link of 1500 octets. */
const LARGEST = String(1500 - 40 - 8);
/** What the host goes through. */
const HANDOFFS = [
  { from: CARE_OF.a, to: CARE_OF.b },
  { from: CARE_OF.b, to: CARE_OF.a },
];

/** The router's kernel has lan0 inside and wan0 outside; the host is a namespace of which /run/lan has the PID. */
const NETWORK = `
set -e
lan=$(unshare --net sh -c 'sleep 300 >/dev/null 2>&1 & echo $!')
ip link add lan0 type veth peer name eth0 netns $lan
ip link set lan0 up
ip address add fe80::1/64 dev lan0 nodad
ip route add ${HOST} dev lan0
host="nsenter --net=/proc/$lan/ns/net ip"
$host link set lo up
$host link set eth0 up
$host address add ${HOST}/64 dev eth0 nodad
$host route add default via fe80::1 dev eth0
echo $lan > /run/lan
`;

/** What the README says. */
const GATEWAY = `
set -e
ip tuntap add dev hpin mode tun vnet_hdr && ip link set hpin up
ip tuntap add dev hpout mode tun vnet_hdr && ip link set hpout up
ip -6 rule add iif lan0 lookup 100 && ip -6 route add default dev hpin table 100
ip -6 rule add iif wan0 to ${HOST} lookup 101 && ip -6 route add default dev hpout table 101
`;

describe.skipIf(!requireOrSkip('tun', 'tshark', 'curl', 'ping'))('client gateway', { timeout: TIMEOUT_MS }, () => {
  let scene: ClientScene;
  let gateway: Running;

  beforeAll(async () => {
    scene = await ClientScene.up({ lab: ['--rate', 'c-a=10mbit', '--rate', 'c-b=10mbit'], server: ['--writable'] });
    for (const script of [NETWORK, GATEWAY]) {
      expect(await scene.inSite('c', 'sh', '-c', script).ended).toEqual({ status: 0, stdout: '', stderr: '' });
    }
    const devices = ['--inside', 'hpin', '--outside', 'hpout', '--clients', `${HOST}/128`];
    gateway = scene.role('c', 'client', 'gateway', ...devices, '--pcap', scene.path('gateway.pcapng'), '--json');
    await says(gateway, '"event":"ready"');
  }, TIMEOUT_MS);

  afterAll(() => scene?.close(), TIMEOUT_MS);

  /** A program on the host. */
  const run = (...program: readonly string[]): Running =>
    scene.inSite('c', 'sh', '-c', 'exec nsenter --net=/proc/$(cat /run/lan)/ns/net "$@"', 'sh', ...program);

  test('a download on its kernel comes from a, b and a again', async () => {
    const sha256 = await scene.serve('file', SIZE);
    const output = scene.path('received');
    const curl = run('curl', '--silent', '--show-error', '--fail', '--output', output, `http://[${CONTACT}]/file`);
    await grownTo(output, SIZE / 4);
    await scene.handoff(HOST, 'b');
    await grownTo(output, SIZE / 2);
    await scene.handoff(HOST, 'a');
    expect(await curl.ended).toEqual({ status: 0, stdout: '', stderr: '' });
    expect(sha256Of(output)).toBe(sha256);
    const [ready, ...seen] = gateway.written.stdout
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line));
    expect(ready).toEqual({ event: 'ready', role: 'client-gateway', clients: [`${HOST}/128`] });
    expect(seen).toMatchObject(HANDOFFS.map((handoff) => ({ event: 'handoff-seen', client: HOST, ...handoff })));
  });

  test('an upload on its kernel goes to a, b and a again', async () => {
    const { path, sha256 } = await scene.toSend('to-send', SIZE);
    const curl = run('curl', '--silent', '--show-error', '--fail', '--upload-file', path, `http://[${CONTACT}]/sent`);
    await scene.uploaded(SIZE / 4);
    await scene.handoff(HOST, 'b');
    await scene.uploaded(SIZE / 2);
    await scene.handoff(HOST, 'a');
    expect(await curl.ended).toEqual({ status: 0, stdout: '', stderr: '' });
    expect(sha256Of(join(scene.files, 'sent'))).toBe(sha256);
  });

  test('RFC 4443 3.2: what has no room for the routing header is too big, in the measure of the host', async () => {
    const { stdout } = await run('ping', '-c', '1', '-M', 'do', '-s', LARGEST, '-W', '2', CONTACT).ended;
    expect(stdout).toContain(`From ${ROUTER} icmp_seq=1 Packet too big: mtu=1476`);
  });

  test('an echo of the largest size and a TCP connection to a bystander pass', async () => {
    const ping = await run('ping', '-c', '2', '-i', '0.2', '-M', 'do', '-s', LARGEST, BYSTANDER).ended;
    expect(ping.stdout).toContain('2 packets transmitted, 2 received, 0% packet loss');
    const listen = `require('http').createServer((q, r) => r.end('hello ' + q.socket.remoteAddress)).listen(${PORT}, () => console.log('up'))`;
    const bystander = scene.inSite('a', process.execPath, '-e', listen);
    await says(bystander, 'up');
    const curl = await run('curl', '--silent', '--show-error', `http://[${BYSTANDER}]:${PORT}/`).ended;
    expect(curl).toEqual({ status: 0, stdout: `hello ${HOST}`, stderr: '' });
    bystander.child.kill();
  });

  test('a hop limit that ends at the gateway is told of, as by any router', async () => {
    // The first hop is the kernel of site c, the second the gateway.
    const { stdout } = await run('ping', '-c', '1', '-t', '2', '-W', '2', BYSTANDER).ended;
    expect(stdout).toContain(`From ${ROUTER} icmp_seq=1 Time exceeded: Hop limit`);
  });

  test('SIGTERM ends it, and nothing on the wire is amiss', async () => {
    const stop = "kill -TERM $(pgrep -f '^[^ ]*node .*client gateway')";
    expect(await scene.inSite('c', 'sh', '-c', stop).ended).toMatchObject({ status: 0 });
    expect(await gateway.ended).toMatchObject({ status: 0, stderr: '' });
    await scene.down();
    await scene.expectCleanWire();
    expect(scene.handoffsSeen(HOST)).toMatchObject(HANDOFFS);
  });
});
