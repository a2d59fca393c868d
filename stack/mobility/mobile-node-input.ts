// What a mobile node receives from its home agent and from clients (RFC 6275 11.3, 11.6.2, 11.7.3, 11.7.4): given to the
// entry of the Binding Update List, or the home registration, that it is for. Whether it is believed is decided there.

import { u16 } from '../core/bytes.ts';
import type { Instant } from '../core/time.ts';
import type { Trace } from '../core/trace.ts';
import type { IcmpErrorReport } from '../ipv6/port.ts';
import type { Address } from '../wire/address.ts';
import { PARAMETER_PROBLEM_CODE } from '../wire/icmpv6.ts';
import { BINDING_ERROR, type MobilityMessage, parseMobilityHeader } from '../wire/mobility.ts';
import type { MobileNodeEvents } from './api.ts';
import type { BindingUpdateList } from './binding-update-list.ts';
import type { HomeRegistration, HomeRegistrationConfig } from './home-registration.ts';
import type { MobilityDispatch, ReceivedMobility } from './mobility-dispatch.ts';
import { endsWithAuthorization } from './mobility-options.ts';
import { type MobilityHeaderSpan, verifyBinding } from './rr-keys.ts';

export interface MobileNodeParts {
  readonly config: HomeRegistrationConfig;
  readonly events: MobileNodeEvents;
  readonly list: BindingUpdateList;
  readonly home: HomeRegistration;
  readonly trace: Trace | undefined;
}

export function subscribe(dispatch: MobilityDispatch, parts: MobileNodeParts): void {
  const input = new MobileNodeInput(parts);
  dispatch.onMessage('home-test', (now, received) => input.homeTest(now, received));
  dispatch.onMessage('care-of-test', (now, received) => input.careOfTest(now, received));
  dispatch.onMessage('binding-acknowledgement', (now, received) => input.acknowledgement(now, received));
  dispatch.onMessage('binding-error', (now, received) => input.bindingError(now, received));
  dispatch.onMessage('binding-refresh-request', (now, received) => input.refreshRequest(now, received));
  dispatch.onIcmpError((now, report) => input.icmpError(now, report));
}

class MobileNodeInput {
  readonly #config: HomeRegistrationConfig;
  readonly #events: MobileNodeEvents;
  readonly #list: BindingUpdateList;
  readonly #home: HomeRegistration;
  readonly #trace: Trace | undefined;

  constructor({ config, events, list, home, trace }: MobileNodeParts) {
    this.#config = config;
    this.#events = events;
    this.#list = list;
    this.#home = home;
    this.#trace = trace;
  }

  /** RFC 6275 11.6.2: to the home address, through the home agent, or relayed by the member it reached. */
  homeTest(now: Instant, { packet, message }: ReceivedMobility): 'handled' | 'pass' {
    if (message.kind !== 'home-test' || packet.tunnel === undefined) return 'pass';
    if (!packet.destination.equals(this.#config.homeAddress)) return 'pass';
    const bid = u16(message.cookie, 0);
    const { bid: ours } = this.#config;
    if (ours === undefined || bid === ours) this.#list.find(packet.source)?.tests.home.answer(now, message);
    // What a member has relayed goes no further: no loop.
    else if (this.#isHomeAgent(packet.tunnel.source))
      this.#events.relayHomeTest?.(now, bid, packet.bytes.subarray(0, packet.end));
    return 'handled';
  }

  careOfTest(now: Instant, { packet, message }: ReceivedMobility): 'handled' | 'pass' {
    if (message.kind !== 'care-of-test' || !packet.destination.equals(this.#config.careOf)) return 'pass';
    this.#list.find(packet.source)?.tests.careOf.answer(now, message);
    return 'handled';
  }

  /** RFC 6275 11.7.3. */
  acknowledgement(now: Instant, received: ReceivedMobility): 'handled' | 'pass' {
    const { packet, message, header } = received;
    if (message.kind !== 'binding-acknowledgement' || !packet.destination.equals(this.#config.homeAddress))
      return 'pass';
    const client = packet.source;
    const detail = { from: client.toString(), status: message.status, sequence: message.sequence };
    this.#trace?.(now, { layer: 'mobility', event: 'binding-acknowledgement-received', detail });
    if (this.#isHomeAgent(client)) {
      if (packet.hasRoutingHeader2) this.#home.acknowledge(now, received, message);
      return 'handled';
    }
    this.#list.find(client)?.acknowledge(now, message, (kbm) => this.#isSigned(kbm, client, message, header));
    return 'handled';
  }

  /** RFC 6275 11.3.6. */
  bindingError(now: Instant, { packet, message }: ReceivedMobility): 'handled' | 'pass' {
    if (message.kind !== 'binding-error') return 'pass';
    if (message.status === BINDING_ERROR.unrecognizedType) {
      this.#list.find(packet.source)?.unable(now);
    } else if (message.status === BINDING_ERROR.unknownBinding && message.home.equals(this.#config.homeAddress)) {
      if (this.#isHomeAgent(packet.source)) this.#home.bindingError(now);
      else this.#list.find(packet.source)?.bindingError(now);
    }
    return 'handled';
  }

  refreshRequest(now: Instant, { packet }: ReceivedMobility): 'handled' | 'pass' {
    if (!packet.destination.equals(this.#config.homeAddress)) return 'pass';
    this.#list.find(packet.source)?.refreshRequested(now);
    return 'handled';
  }

  /** RFC 6275 11.3.5: a client that does not know the Mobility Header says so. Other errors say nothing of that. */
  icmpError(now: Instant, { kind, code, quoted, remote }: IcmpErrorReport): void {
    if (kind !== 'parameter-problem' || code !== PARAMETER_PROBLEM_CODE.nextHeader) return;
    const parse = parseMobilityHeader(quoted, 0, quoted.length);
    if (!parse.ok) return;
    const { message } = parse.value;
    const header = { bytes: quoted, start: 0, end: parse.end };
    this.#list.find(remote)?.parameterProblem(now, message, (kbm) => this.#isSigned(kbm, remote, message, header));
  }

  #isSigned(kbm: Uint8Array, client: Address, { options }: MobilityMessage, header: MobilityHeaderSpan): boolean {
    return endsWithAuthorization(options, header) && verifyBinding(kbm, this.#config.careOf, client, header);
  }

  #isHomeAgent(address: Address): boolean {
    return address.equals(this.#config.homeAgent);
  }
}
