// homeport as a library: everything that programs on top of the stack are made of, and no more. A host comes from
// createHost() on a Device (a TUN interface, or pipe() for two hosts in one process); its sockets are those of
// node:net by their face; Mobile IPv6 roles and handoffs are added to it.

// --- time, randomness, what happens --------------------------------------------------------------------------
export { Counters } from './core/counters.ts';
export { type Random, SeededRandom } from './core/random.ts';
export { type Clock, type Duration, type Instant, microseconds, milliseconds, seconds } from './core/time.ts';
export { TimerQueue } from './core/timer-queue.ts';
export type { Trace, TraceEvent } from './core/trace.ts';
// --- links ---------------------------------------------------------------------------------------------------
export type { Device, DeviceOffloads, Frame, FramesHandler, Offload } from './device/device.ts';
export { NO_OFFLOADS } from './device/device.ts';
export { FaultDevice, Link, type LinkConditions, type LinkStatistics, PERFECT } from './device/fault.ts';
export { PipeEnd, type PipeOptions, pipe } from './device/pipe.ts';
export { type Direction, type PacketSink, RecordDevice } from './device/record.ts';
// --- server nodes and handoff ----------------------------------------------------------------------------------
export { DEFAULT_PRESET, PRESETS, type PresetName, type Strategy } from './handoff/strategy.ts';
export { type Attachment, Host, type HostConnectOptions, type HostListenOptions, type HostOptions } from './host.ts';
// --- a host and its sockets ----------------------------------------------------------------------------------
export { type CreateHostOptions, createHost, RunningHost } from './host-live.ts';
// --- Mobile IPv6 (RFC 6275) ------------------------------------------------------------------------------------
export type { MobileNodeEvents } from './mobility/api.ts';
export type { Correspondent, CorrespondentOptions } from './mobility/correspondent.ts';
export type { HomeAgent, HomeAgentConfig } from './mobility/home-agent.ts';
export { CONTACT_PRIORITY, MEMBER_PRIORITY, type MobileNode, type MobileNodeConfig } from './mobility/mobile-node.ts';
export type { AppState, HandoffApp, Refusal } from './server/app-contract.ts';
export type { HandoffReport } from './server/departures.ts';
export { Member, type MemberOptions, type MemberPeer } from './server/member.ts';
export type { ConnectionInfo, TcpObserver, TcpOptions, TcpState } from './tcp/api.ts';
export { Socket, type SocketAddress } from './tcp/socket.ts';
export type { Lookup } from './tcp/socket-connect.ts';
export type { SocketError, SocketErrorCode } from './tcp/socket-error.ts';
export type { Net } from './tcp/socket-net.ts';
export { type RestoreSocket, Server } from './tcp/socket-server.ts';
// --- addresses -----------------------------------------------------------------------------------------------
export { Address, address, Prefix, prefix } from './wire/address.ts';
export { pcapngInterface, pcapngPacket, pcapngSectionHeader } from './wire/pcapng.ts';
