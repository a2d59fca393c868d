// How Mobility Header messages (RFC 6275 6.1) are named in the picture, and in which row they stand.

import { assertNever } from '../../stack/core/parsed.ts';
import type { MobilityMessage } from '../../stack/wire/mobility.ts';

export type MessageLane = 'home-test' | 'care-of-test' | 'binding' | 'error' | 'event';

export const LANES: Readonly<Record<MessageLane, string>> = {
  'home-test': 'home test',
  'care-of-test': 'care-of test',
  binding: 'binding',
  error: 'error',
  event: 'comment',
};

export function laneOf(message: MobilityMessage): MessageLane {
  switch (message.kind) {
    case 'home-test-init':
    case 'home-test':
      return 'home-test';
    case 'care-of-test-init':
    case 'care-of-test':
      return 'care-of-test';
    case 'binding-update':
    case 'binding-acknowledgement':
    case 'binding-refresh-request':
      return 'binding';
    case 'binding-error':
    case 'unknown':
      return 'error';
    default:
      return assertNever(message);
  }
}

export function messageLabel(message: MobilityMessage): string {
  switch (message.kind) {
    case 'home-test-init':
      return 'HoTI';
    case 'home-test':
      return 'HoT';
    case 'care-of-test-init':
      return 'CoTI';
    case 'care-of-test':
      return 'CoT';
    case 'binding-update':
      return `BU ${message.sequence}`;
    case 'binding-acknowledgement':
      return message.status === 0 ? `BA ${message.sequence}` : `BA ${message.sequence} status ${message.status}`;
    case 'binding-refresh-request':
      return 'BRR';
    case 'binding-error':
      return `BE ${message.status}`;
    case 'unknown':
      return `MH ${message.type}`;
    default:
      return assertNever(message);
  }
}
