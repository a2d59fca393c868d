// What a member asks of the home agent in the Flow Identification and Flow Summary options of its Binding Update, and the
// answer to each (RFC 6089 4.2, 4.3, 5.2). There are no actions: a flow is forwarded, to one binding (those of RFC 7109 are for
// home agents that ask).
//
// RFC 6089 5.2.2 has a mobile node name, in each update, every flow it wants to keep. Here each member of a group sends updates
// of its own, for its own flows, of which there may be ten thousand: more than a Mobility Header of 2048 octets can name. So that
// rule is kept where an update has a Flow Summary option; without one, what is not named goes on.

import { u8 } from '../core/bytes.ts';
import {
  FLOW_SUB_OPTION,
  type FlowSubOption,
  type Ipv6TrafficSelector,
  TRAFFIC_SELECTOR_IPV6,
} from '../wire/flow-identification.ts';
import type { BindingUpdate } from '../wire/mobility.ts';
import type { FlowIdentification, MobilityOption } from '../wire/mobility-option.ts';
import { type FlowBindings, MAX_BINDINGS_OF_FLOW, NO_FID } from './flow-binding.ts';
import { isReversed } from './flow-selector.ts';

/** RFC 6089 4.2, status of a Flow Identification option. */
export const FLOW_STATUS = {
  success: 0,
  prohibited: 128,
  rejected: 129,
  malformed: 130,
  bidNotFound: 131,
  fidNotFound: 132,
  selectorNotSupported: 133,
} as const;

/** Of one update: so many options of 8 octets fit a packet of 1280 beside all else. What is asked beyond is not heard. */
export const MAX_FLOW_ANSWERS = 128;

/** Whose flows they are, and what can be named there. */
export interface FlowOwner {
  /** Binding Identifier of the member; undefined: the home address is its own, with one binding, so there is nothing to choose. */
  readonly bid: number | undefined;
  readonly flows: FlowBindings;
  readonly isBound: (bid: number) => boolean;
}

/** Each option with its status, and one for each FID of a summary that is not known. */
export function takeFlowOptions({ options }: BindingUpdate, owner: FlowOwner): MobilityOption[] {
  const answers: MobilityOption[] = [];
  const named = new Set<number>();
  for (const option of options) {
    if (option.kind !== 'flow-identification' || answers.length === MAX_FLOW_ANSWERS) continue;
    named.add(option.fid);
    answers.push({ ...option, status: takeFlow(option, owner), subOptions: [] });
  }
  const summaries = options.filter((option) => option.kind === 'flow-summary');
  if (summaries.length === 0 || owner.bid === undefined) return answers;
  for (const fid of summaries.flatMap(({ fids }) => fids)) {
    const known = owner.flows.of(owner.bid, fid) !== undefined;
    if (!known && !named.has(fid) && answers.length < MAX_FLOW_ANSWERS) answers.push(unknownFlow(fid));
    named.add(fid);
  }
  owner.flows.keepOnly(owner.bid, named);
  return answers;
}

const unknownFlow = (fid: number): FlowIdentification => ({
  kind: 'flow-identification',
  ...{ fid, priority: 0, status: FLOW_STATUS.fidNotFound, subOptions: [] },
});

/** A new flow, or a change of one: what the option does not name stays as it was. */
function takeFlow(option: FlowIdentification, { bid, flows, isBound }: FlowOwner): number {
  if (bid === undefined) return FLOW_STATUS.prohibited;
  const { fid, priority, subOptions } = option;
  const asked = readSubOptions(subOptions);
  if (typeof asked === 'number') return asked;
  if (fid === NO_FID || priority === 0) return FLOW_STATUS.malformed; // both reserved
  const before = flows.of(bid, fid);
  const selector = asked.selector ?? before?.selector;
  const bids = asked.bids ?? before?.bids ?? [bid];
  if (selector === undefined) return FLOW_STATUS.fidNotFound;
  if (asked.bids?.every(isBound) === false) return FLOW_STATUS.bidNotFound;
  if (bids.length > MAX_BINDINGS_OF_FLOW) return FLOW_STATUS.prohibited;
  return flows.bind({ owner: bid, fid, priority, selector, bids }) ? FLOW_STATUS.success : FLOW_STATUS.prohibited;
}

interface Asked {
  readonly selector: Ipv6TrafficSelector | undefined;
  readonly bids: readonly number[] | undefined;
}

/** Or the status to refuse it with. Sub-options that nobody knows are passed over. */
function readSubOptions(subOptions: readonly FlowSubOption[]): Asked | number {
  const fault = subOptions.map(faultOf).find((status) => status !== undefined);
  if (fault !== undefined) return fault;
  const selectors = subOptions.filter((subOption) => subOption.kind === 'traffic-selector');
  const references = subOptions.filter((subOption) => subOption.kind === 'binding-reference');
  if (selectors.length > 1 || references.length > 1) return FLOW_STATUS.malformed;
  return { selector: selectors[0]?.selector, bids: references[0]?.bids };
}

/** RFC 6089 4.2.1.4: of a traffic selector the format comes first, and says whether it can be understood at all. */
function faultOf(subOption: FlowSubOption): number | undefined {
  if (subOption.kind === 'traffic-selector') return isReversed(subOption.selector) ? FLOW_STATUS.malformed : undefined;
  if (subOption.kind !== 'unknown') return undefined;
  const { type, data } = subOption;
  if (type === FLOW_SUB_OPTION.bindingReference) return FLOW_STATUS.malformed;
  if (type !== FLOW_SUB_OPTION.trafficSelector) return undefined;
  const isOurs = data.length === 0 || u8(data, 0) === TRAFFIC_SELECTOR_IPV6;
  return isOurs ? FLOW_STATUS.malformed : FLOW_STATUS.selectorNotSupported;
}
