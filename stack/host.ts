// A host: one IPv6 layer on its devices, one TCP above it, and the Mobile IPv6 roles it plays. The only
// place that knows all of them. It is driven from outside: frames come from its devices, time from
// whoever runs its timers (tun/timer-driver in real time, the simulator on a virtual clock). Sockets need
// a clock too, for applications call them at any time; the simulator drives `tcp` without any.

import type * as net from 'node:net';
import type { Counters } from './core/counters.ts';
import type { Random } from './core/random.ts';
import type { Clock, Instant } from './core/time.ts';
import type { TimerQueue } from './core/timer-queue.ts';
import type { Trace } from './core/trace.ts';
import type { Device } from './device/device.ts';
import { Ipv6 } from './ipv6/ipv6.ts';
import type { MobileNodeEvents, MobilityEnvironment } from './mobility/api.ts';
import { ClientGateway, type MoveSeen } from './mobility/client-gateway.ts';
import { Correspondent, type CorrespondentOptions } from './mobility/correspondent.ts';
import { HomeAgent, type HomeAgentConfig } from './mobility/home-agent.ts';
import { MobileNode, type MobileNodeConfig } from './mobility/mobile-node.ts';
import { MobilityDispatch } from './mobility/mobility-dispatch.ts';
import type { TcpObserver } from './tcp/api.ts';
import { connectSocket, type Socket, type SocketConnectOptions } from './tcp/socket.ts';
import type { Lookup, SocketHome } from './tcp/socket-connect.ts';
import { createNet, type Net } from './tcp/socket-net.ts';
import { serve } from './tcp/socket-serve.ts';
import {
  listenSockets,
  Server,
  type ServerListenOptions,
  type ServerOptions,
  type SocketListener,
} from './tcp/socket-server.ts';
import { Tcp } from './tcp/tcp.ts';
import { type Address, address, type Prefix, prefix } from './wire/address.ts';

export interface HostOptions {
  readonly timers: TimerQueue;
  readonly random: Random;
  /** What sockets tell the time by: listen() and connect() need it. The clock that the timers run on. */
  readonly clock?: Clock;
  /** How sockets turn names into addresses: dns.lookup() of node:dns, or what has its form. Default: not at all. */
  readonly lookup?: Lookup;
  /**
   * Key of ISNs, ports, timestamp offsets and flow labels (RFC 6528, 6056, 7323, 6437), SYN and Fast Open cookies; the
   * members of a group share it.
   */
  readonly secret: Uint8Array;
  /** A router: forwards what is not for it. Default false. */
  readonly forwarding?: boolean;
  /**
   * Wall-clock time in NTP 64-bit format, for RFC 4285 (a mobile node and a home agent need it) and for cookies that
   * another member of the group is to take.
   */
  readonly ntpTime?: (now: Instant) => bigint;
  readonly trace?: Trace;
  readonly observer?: TcpObserver;
  /** Octets that the buffers of all TCP connections may hold. Default 512 MiB. */
  readonly maxMemory?: number;
  readonly counters?: Counters;
}

export interface Attachment {
  /** Our addresses on the device. */
  readonly addresses: readonly Address[];
  /** What is reached through it. Default: everything. */
  readonly routes?: readonly Prefix[];
}

/** Where to listen, and what the sockets are like. */
export interface HostListenOptions extends Omit<ServerListenOptions, 'host'>, ServerOptions {
  /** Absent: any of our addresses. */
  readonly address?: string | Address;
}

/** Whom to connect to, and what the socket is like. */
export interface HostConnectOptions extends Omit<SocketConnectOptions, 'host'> {
  readonly address: string | Address;
}

/** The two sides of a client gateway, which are attached already, the one inside with routes to those behind it. */
export interface ClientGatewayOptions extends Omit<CorrespondentOptions, 'isBehindUs'> {
  readonly inside: Device;
  readonly outside: Device;
  /** Told when a client behind us hears from another node than before. */
  readonly moved?: (now: Instant, move: MoveSeen) => void;
}

const EVERYTHING = prefix('::/0');

export class Host {
  readonly timers: TimerQueue;
  readonly random: Random;
  readonly ipv6: Ipv6;
  readonly tcp: Tcp;
  readonly #sockets: SocketHome | undefined;
  #net: Net | undefined;
  readonly #environment: MobilityEnvironment;
  #dispatch: MobilityDispatch | undefined;

  constructor(options: HostOptions) {
    const { timers, random, secret, ntpTime, trace, observer } = options;
    const optional = { ...(trace && { trace }), ...(options.counters && { counters: options.counters }) };
    this.timers = timers;
    this.random = random;
    this.ipv6 = new Ipv6({ timers, random, forwarding: options.forwarding === true, ...optional });
    this.tcp = new Tcp({
      ipv6: this.ipv6,
      timers,
      random,
      secret,
      ...(ntpTime && { wallSeconds: (now: Instant) => Number(ntpTime(now) >> 32n) }),
      ...(trace && { trace }),
      ...(observer && { observer }),
      ...(options.maxMemory !== undefined && { maxMemory: options.maxMemory }),
    });
    this.#sockets = options.clock && { tcp: this.tcp, clock: options.clock, lookup: options.lookup };
    this.#environment = { ipv6: this.ipv6, timers, random, ...(ntpTime && { ntpTime }), ...(trace && { trace }) };
  }

  /** Puts a device into use, with our addresses on it and routes through it. */
  attach(device: Device, attachment: Attachment): void {
    this.ipv6.addDevice(device, attachment.addresses);
    for (const route of attachment.routes ?? [EVERYTHING]) this.ipv6.addRoute(route, device);
  }

  /**
   * A server, as net.createServer(onSocket).listen(): 'listening' or 'error' follows. What speaks to net.Socket speaks
   * to its sockets.
   */
  listen(options: HostListenOptions, onSocket?: SocketListener): Server {
    const { address, ...rest } = options;
    return listenSockets(this.#homeOfSockets(), { ...rest, host: address }, onSocket);
  }

  /** A server that does not listen yet, as net.createServer(). */
  createServer(options: ServerOptions = {}, onSocket?: SocketListener): Server {
    return new Server(this.#homeOfSockets(), options, onSocket);
  }

  /** A socket, as net.connect(): 'connect' or 'error' follows. Addresses only, unless the host has a `lookup`. */
  connect(options: HostConnectOptions): Socket {
    const { address, ...rest } = options;
    return connectSocket(this.#homeOfSockets(), { ...rest, host: address });
  }

  /** The module node:net, as it were, on this host: for programs that are given their `net`, and for http.Agent or ws. */
  get net(): Net {
    this.#net ??= createNet(this.#homeOfSockets());
    return this.#net;
  }

  /**
   * An unmodified server of node:http, https, http2 or tls, made to listen here: its listen(), address() and close() are
   * this host's. `host.serve(http.createServer(onRequest)).listen(80)`
   */
  serve<T extends net.Server>(server: T): T {
    return serve(this.#homeOfSockets(), server);
  }

  /** Makes this host a correspondent node (RFC 6275 9): it keeps bindings of mobile peers. */
  beCorrespondent(options?: CorrespondentOptions): Correspondent {
    return new Correspondent(this.#environment, this.#mobility(), options);
  }

  /**
   * Makes this host a correspondent node on behalf of all that is behind it; it has to forward. What is routed to the
   * inside device is a client: its programs speak to mobile peers without knowing (client-gateway.ts).
   */
  beClientGateway(options: ClientGatewayOptions): Correspondent {
    const { inside, outside, moved, bindingChanged, ...rest } = options;
    const isBehindUs = (a: Address): boolean => this.ipv6.deviceTo(a) === inside;
    const dispatch = this.#mobility();
    const correspondent = this.beCorrespondent({
      ...rest,
      isBehindUs,
      bindingChanged: (now, home, careOf, local) => {
        if (careOf === undefined) gateway.forget(local, home);
        bindingChanged?.(now, home, careOf, local);
      },
    });
    const gateway = new ClientGateway(this.#environment, dispatch, correspondent, {
      isBehindUs,
      outsideMtu: outside.mtu,
      ...(moved && { moved }),
    });
    this.ipv6.addHooks({ transit: gateway });
    return correspondent;
  }

  /** Makes this host a mobile node (RFC 6275 11), as every server node is. */
  beMobileNode(config: MobileNodeConfig, events: MobileNodeEvents): MobileNode {
    return new MobileNode(this.#environment, this.#mobility(), config, events);
  }

  /** Makes this host a home agent (RFC 6275 10); it has to forward. */
  beHomeAgent(config: HomeAgentConfig): HomeAgent {
    return new HomeAgent(this.#environment, this.#mobility(), config);
  }

  /** Several addresses of one peer in the order in which to try them (RFC 6724 6). */
  sortDestinations(addresses: readonly (string | Address)[]): Address[] {
    return this.ipv6.sortDestinations(addresses.map((each) => (typeof each === 'string' ? address(each) : each)));
  }

  #homeOfSockets(): SocketHome {
    if (this.#sockets === undefined) throw new Error('a host without a clock has no sockets: give it one');
    return this.#sockets;
  }

  #mobility(): MobilityDispatch {
    this.#dispatch ??= new MobilityDispatch(this.#environment);
    return this.#dispatch;
  }
}
