// One panel of the picture: axes, the segments, the rows of messages above them. Used for the whole download and,
// with other ranges, for the magnified view of each handoff.

import { LANES, type MessageLane } from './messages.ts';
import { element, line, rectangle, type Scale, scale, short, text, tickLabels, ticks } from './svg.ts';
import type { Message, Point, Timeline } from './timeline.ts';

/** What a source is called, and its colour. */
export interface Look {
  readonly name: string;
  readonly colour: string;
}

export interface Panel {
  /** Of the plot itself, without labels. */
  readonly x: number;
  readonly y: number;
  readonly width: number;
  readonly height: number;
  readonly fromMs: number;
  readonly toMs: number;
  readonly fromOctet: number;
  readonly toOctet: number;
  readonly xTitle: string;
  readonly yTitle: string;
  /** Milliseconds and octets a unit of the axes, and what their zero stands for. */
  readonly xUnit: number;
  readonly yUnit: number;
  readonly xZero: number;
  readonly yZero: number;
  readonly pointSize: number;
  /** Names on the messages, not only marks. */
  readonly labels: boolean;
}

export const LANE_HEIGHT = 19;
const LANE_ORDER = Object.keys(LANES) as MessageLane[];

const INK = '#1f2933';
const FAINT = '#e4e7eb';
const GREY = '#52606d';
const REPEAT = '#c81e4a';

/** Lanes that hold a message, in their order: an empty row says nothing. */
export const lanesOf = (timeline: Timeline): MessageLane[] =>
  LANE_ORDER.filter((lane) => timeline.messages.some((message) => message.lane === lane));

export const lanesHeight = (timeline: Timeline): number => lanesOf(timeline).length * LANE_HEIGHT;

export function drawPanel(timeline: Timeline, panel: Panel, looks: ReadonlyMap<string, Look>, id: string): string {
  const x = scale(panel.fromMs, panel.toMs, panel.x, panel.x + panel.width);
  const y = scale(panel.fromOctet, panel.toOctet, panel.y + panel.height, panel.y);
  const lanes = lanesHeight(timeline);
  const clip = element(
    'clipPath',
    { id },
    rectangle(panel.x - 2, panel.y - lanes - 4, panel.width + 4, panel.height + lanes + 6, {}),
  );
  const inside = [drawMessages(timeline, panel, x), drawPoints(timeline, panel, x, y, looks)];
  return [
    element('defs', {}, clip),
    drawAxes(panel, x, y),
    drawLaneNames(timeline, panel),
    element('g', { 'clip-path': `url(#${id})` }, ...inside),
  ].join('\n');
}

function drawAxes(panel: Panel, x: Scale, y: Scale): string {
  const parts: string[] = [];
  const bottom = panel.y + panel.height;
  const inUnits = (value: number, zero: number, unit: number) => (value - zero) / unit;
  const times = ticks(
    inUnits(panel.fromMs, panel.xZero, panel.xUnit),
    inUnits(panel.toMs, panel.xZero, panel.xUnit),
    panel.width / 90,
  );
  for (const [i, label] of tickLabels(times).entries()) {
    const at = x(panel.xZero + (times[i] ?? 0) * panel.xUnit);
    parts.push(line(at, panel.y, at, bottom, { stroke: FAINT }), line(at, bottom, at, bottom + 5, { stroke: GREY }));
    parts.push(text(at, bottom + 18, label, { 'text-anchor': 'middle', class: 'tick' }));
  }
  const offsets = ticks(
    inUnits(panel.fromOctet, panel.yZero, panel.yUnit),
    inUnits(panel.toOctet, panel.yZero, panel.yUnit),
    panel.height / 45,
  );
  for (const [i, label] of tickLabels(offsets).entries()) {
    const at = y(panel.yZero + (offsets[i] ?? 0) * panel.yUnit);
    parts.push(line(panel.x, at, panel.x + panel.width, at, { stroke: FAINT }));
    parts.push(text(panel.x - 8, at + 4, label, { 'text-anchor': 'end', class: 'tick' }));
  }
  parts.push(rectangle(panel.x, panel.y, panel.width, panel.height, { fill: 'none', stroke: GREY }));
  parts.push(text(panel.x + panel.width / 2, bottom + 38, panel.xTitle, { 'text-anchor': 'middle', class: 'axis' }));
  const [titleX, titleY] = [panel.x - 52, panel.y + panel.height / 2];
  parts.push(
    text(titleX, titleY, panel.yTitle, {
      'text-anchor': 'middle',
      class: 'axis',
      transform: `rotate(-90 ${short(titleX)} ${short(titleY)})`,
    }),
  );
  return parts.join('');
}

const laneY = (panel: Panel, lanes: number, row: number): number => panel.y - (lanes - row - 0.5) * LANE_HEIGHT - 4;

function drawLaneNames(timeline: Timeline, panel: Panel): string {
  const lanes = lanesOf(timeline);
  return lanes
    .map((lane, row) => {
      const y = laneY(panel, lanes.length, row);
      return (
        line(panel.x, y, panel.x + panel.width, y, { stroke: FAINT }) +
        text(panel.x - 8, y + 4, LANES[lane], { 'text-anchor': 'end', class: 'lane' })
      );
    })
    .join('');
}

/** Each message a mark in its row: a triangle down for what came to the client, up for what left it. */
function drawMessages(timeline: Timeline, panel: Panel, x: Scale): string {
  const lanes = lanesOf(timeline);
  const parts: string[] = [];
  for (const [row, lane] of lanes.entries()) {
    const y = laneY(panel, lanes.length, row);
    const colour = LANE_COLOURS[lane];
    const messages = timeline.messages.filter((m) => m.lane === lane && m.ms >= panel.fromMs && m.ms <= panel.toMs);
    for (const message of messages) {
      const at = x(message.ms);
      if (panel.labels || isBindingUpdate(message)) {
        const style = { stroke: colour, 'stroke-dasharray': '2 3', opacity: 0.7 };
        parts.push(line(at, y, at, panel.y + panel.height, style));
      }
      parts.push(triangle(at, message.inbound ? y - 3 : y + 3, message.inbound, colour));
    }
    if (panel.labels) parts.push(drawLabels(panel, messages, x, y + 3.5, colour));
  }
  return parts.join('');
}

const LABEL_CHARACTER = 5.8;
const LABEL_SPACE = 7;
/** More than this at one place is said as a number. */
const MAX_JOINED = 3;

/** Messages whose labels would run into each other share one. */
function drawLabels(panel: Panel, messages: readonly Message[], x: Scale, y: number, colour: string): string {
  const groups: { from: number; to: number; labels: string[] }[] = [];
  for (const { ms, label } of messages) {
    const at = x(ms);
    const last = groups.at(-1);
    if (last !== undefined && at < last.to + LABEL_SPACE + labelWidth(last.labels)) {
      last.labels.push(label);
      last.to = Math.max(at, last.from);
    } else {
      groups.push({ from: at, to: at, labels: [label] });
    }
  }
  return groups
    .map(({ from, to, labels }) => {
      const turned = to + LABEL_SPACE + labelWidth(labels) > panel.x + panel.width;
      const anchor = turned ? 'end' : 'start';
      const style = { class: 'message', style: `fill:${colour}`, 'text-anchor': anchor };
      return text(turned ? from - LABEL_SPACE : to + LABEL_SPACE, y, joined(labels), style);
    })
    .join('');
}

const joined = (labels: readonly string[]): string =>
  labels.length <= MAX_JOINED
    ? labels.join(', ')
    : `${labels.slice(0, MAX_JOINED).join(', ')} and ${labels.length - MAX_JOINED} more`;

const labelWidth = (labels: readonly string[]): number => joined(labels).length * LABEL_CHARACTER;

const isBindingUpdate = (message: Message): boolean => message.lane === 'binding' && message.inbound;

export const LANE_COLOURS: Readonly<Record<MessageLane, string>> = {
  'home-test': '#7a5195',
  'care-of-test': '#00796b',
  binding: INK,
  error: REPEAT,
  event: '#8a5a00',
};

function triangle(x: number, y: number, down: boolean, colour: string): string {
  const tip = down ? 4 : -4;
  const d = `M${short(x)} ${short(y + tip)}l-3.6 ${short(-1.7 * tip)}h7.2z`;
  return element('path', { d, fill: colour });
}

/** Dots thinner than the picture's grain add octets and no sight: one a cell and kind is drawn. */
const CELL = 0.6;

function drawPoints(timeline: Timeline, panel: Panel, x: Scale, y: Scale, looks: ReadonlyMap<string, Look>): string {
  const fresh = new Map<string, string[]>();
  const marks: string[] = [];
  const seen = new Set<string>();
  for (const point of timeline.points) {
    if (point.ms < panel.fromMs || point.ms > panel.toMs) continue;
    const [px, py] = [x(point.ms), y(point.offset + point.length / 2)];
    const kind = `${point.source} ${point.freshness}`;
    const cell = `${Math.round(px / CELL)} ${Math.round(py / CELL)} ${kind}`;
    if (seen.has(cell)) continue;
    seen.add(cell);
    const colour = looks.get(point.source)?.colour ?? GREY;
    if (point.freshness === 'new') {
      const list = fresh.get(colour) ?? [];
      list.push(`M${short(px)} ${short(py)}h0`);
      fresh.set(colour, list);
    } else {
      marks.push(mark(px, py, point, colour));
    }
  }
  const dots = [...fresh].map(([colour, list]) =>
    element('path', {
      d: list.join(''),
      stroke: colour,
      'stroke-width': panel.pointSize,
      'stroke-linecap': 'round',
      fill: 'none',
    }),
  );
  return [...dots, ...marks].join('');
}

/** What is not simply new: a diamond fills a hole, a cross repeats, a ring was dropped. */
export function mark(x: number, y: number, point: Pick<Point, 'freshness'>, colour: string): string {
  const at = `M${short(x)} ${short(y)}`;
  switch (point.freshness) {
    case 'late':
      return element('path', { d: `${at}m0 -4l4 4l-4 4l-4 -4z`, fill: colour, stroke: 'white', 'stroke-width': 0.8 });
    case 'repeat':
      return element('path', { d: `${at}m-3 -3l6 6m0 -6l-6 6`, stroke: REPEAT, 'stroke-width': 1.4, fill: 'none' });
    case 'dropped':
      return element('circle', { cx: x, cy: y, r: 3, stroke: colour, fill: 'white' });
    default:
      return '';
  }
}

export const COLOURS = { ink: INK, faint: FAINT, grey: GREY, repeat: REPEAT } as const;
