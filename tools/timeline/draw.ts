// The picture of a download: stream offset over time, each segment in the colour of the address it came from, the
// Mobility Header messages in rows above it, and below a magnified view of each handoff with its handoff time.
// Pure: a Timeline in, SVG text out.

import { octets as octetsText } from '../output.ts';
import { COLOURS, drawPanel, type Look, lanesHeight, mark, type Panel } from './plot.ts';
import { element, line, rectangle, text } from './svg.ts';
import { type SeenHandoff, type Timeline, VIA_HOME_AGENT } from './timeline.ts';

export interface DrawOptions {
  readonly title?: string;
  /** Names of nodes by the text of their care-of address. */
  readonly names?: ReadonlyMap<string, string>;
  /** A line under the title of each handoff, in their order: preset and formula. */
  readonly notes?: readonly string[];
}

const WIDTH = 1280;
const LEFT = 112;
const RIGHT = 36;
const TOP = 120;
const MAIN_HEIGHT = 400;
const ZOOM_HEIGHT = 260;
const AXIS_SPACE = 50;
const ZOOM_HEAD = 58;
const FOOT = 30;
/** More handoffs than this are in the main panel only. */
const MAX_ZOOMS = 6;
const ZOOMS_A_ROW = 2;

/** Colours that people with any colour vision tell apart (Okabe and Ito). */
const NODE_COLOURS = ['#0072b2', '#d55e00', '#009e73', '#cc79a7', '#e69f00', '#56b4e9'] as const;
const HOME_AGENT_COLOUR = '#8794a3';

export function drawTimeline(timeline: Timeline, options: DrawOptions = {}): string {
  const looks = looksOf(timeline, options.names ?? new Map());
  const lanes = lanesHeight(timeline);
  const mainY = TOP + lanes;
  const zooms = timeline.handoffs.slice(0, MAX_ZOOMS);
  const zoomsY = mainY + MAIN_HEIGHT + AXIS_SPACE;
  const zoomSpace = ZOOM_HEAD + lanes + ZOOM_HEIGHT + AXIS_SPACE;
  const height = zoomsY + Math.ceil(zooms.length / ZOOMS_A_ROW) * zoomSpace + FOOT;
  const body = [
    element('style', {}, STYLE),
    rectangle(0, 0, WIDTH, height, { fill: 'white' }),
    drawHead(timeline, options.title ?? 'A download over handoffs', looks),
    drawPanel(timeline, mainPanel(timeline, mainY), looks, 'main'),
    ...timeline.handoffs.map((handoff, i) => drawHandoffNumber(timeline, handoff, i, mainY)),
    ...zooms.map((handoff, i) => {
      const y = zoomsY + Math.floor(i / ZOOMS_A_ROW) * zoomSpace;
      return drawZoom(timeline, handoff, i, y, looks, options.notes?.[i]);
    }),
  ];
  const size = { width: WIDTH, height, viewBox: `0 0 ${WIDTH} ${height}` };
  return `${element('svg', { xmlns: 'http://www.w3.org/2000/svg', ...size }, `\n${body.join('\n')}\n`)}\n`;
}

const STYLE = [
  'text{font-family:Inter,"Helvetica Neue",Arial,"DejaVu Sans",sans-serif;fill:#1f2933}',
  '.title{font-size:22px;font-weight:600}.subtitle{font-size:13px;fill:#52606d}.legend{font-size:13px}',
  '.tick{font-size:11.5px;fill:#52606d}.axis{font-size:12.5px;fill:#323f4b}.lane{font-size:11px;fill:#52606d}',
  '.message{font-size:10.5px}.zoom{font-size:15px;font-weight:600}.note{font-size:12.5px;fill:#52606d}',
  '.time{font-size:13px;font-weight:600}',
].join('');

function looksOf(timeline: Timeline, names: ReadonlyMap<string, string>): Map<string, Look> {
  const looks = new Map<string, Look>();
  const nodes = timeline.sources.map((s) => s.source).filter((source) => source !== VIA_HOME_AGENT);
  // By name, so that a node has the same colour in every picture.
  for (const [i, source] of nodes.sort((a, b) => (label(a) < label(b) ? -1 : 1)).entries()) {
    looks.set(source, { name: label(source), colour: NODE_COLOURS[i % NODE_COLOURS.length] ?? COLOURS.grey });
  }
  looks.set(VIA_HOME_AGENT, { name: 'through the home agent', colour: HOME_AGENT_COLOUR });
  return looks;

  function label(source: string): string {
    const name = names.get(source);
    return name === undefined ? source : `${name} (${source})`;
  }
}

const MIB = 1024 * 1024;

function mainPanel(timeline: Timeline, y: number): Panel {
  const unit = timeline.octets >= MIB ? { size: MIB, name: 'MiB' } : { size: 1024, name: 'KiB' };
  const last = timeline.points.reduce((most, p) => Math.max(most, p.offset + p.length), 1);
  return {
    x: LEFT,
    y,
    width: WIDTH - LEFT - RIGHT,
    height: MAIN_HEIGHT,
    fromMs: 0,
    toMs: Math.max(1, timeline.durationMs * 1.01),
    fromOctet: 0,
    toOctet: last * 1.02,
    xTitle: 'time since the SYN, in seconds',
    yTitle: `offset in the stream, in ${unit.name}`,
    xUnit: 1000,
    yUnit: unit.size,
    xZero: 0,
    yZero: 0,
    pointSize: 2.6,
    labels: false,
  };
}

function drawHead(timeline: Timeline, title: string, looks: ReadonlyMap<string, Look>): string {
  const seconds = (timeline.durationMs / 1000).toFixed(2);
  const what = `${octetsText(timeline.octets)} in ${seconds} s from ${timeline.server} to ${timeline.client}`;
  const subtitle = `${what}: data segments as the client received them; triangles down: messages to the client, up: from it`;
  const parts = [text(LEFT, 38, title, { class: 'title' }), text(LEFT, 60, subtitle, { class: 'subtitle' })];
  let [x, y] = [LEFT, LEGEND_Y];
  for (const { symbol, label } of legend(timeline, looks)) {
    const width = 18 + label.length * LEGEND_CHARACTER;
    if (x + width > WIDTH - RIGHT) [x, y] = [LEFT, y + LEGEND_LINE];
    parts.push(symbol(x + 6, y - 4), text(x + 18, y, label, { class: 'legend' }));
    x += width + 20;
  }
  return parts.join('');
}

const LEGEND_Y = 84;
const LEGEND_LINE = 19;
const LEGEND_CHARACTER = 7.2;

interface LegendEntry {
  readonly symbol: (x: number, y: number) => string;
  readonly label: string;
}

function legend(timeline: Timeline, looks: ReadonlyMap<string, Look>): LegendEntry[] {
  const entries: LegendEntry[] = [];
  for (const { source, segments, octets } of timeline.sources) {
    const look = looks.get(source);
    if (look === undefined) continue;
    const symbol = (cx: number, cy: number) => element('circle', { cx, cy, r: 5, fill: look.colour });
    entries.push({ symbol, label: `${look.name}: ${octetsText(octets)}, ${segments} segments` });
  }
  const kinds = { late: 'fills a hole', repeat: 'seen before', dropped: 'dropped, node not bound' } as const;
  for (const [freshness, label] of Object.entries(kinds) as [keyof typeof kinds, string][]) {
    const count = timeline.points.filter((point) => point.freshness === freshness).length;
    if (count === 0) continue;
    entries.push({ symbol: (x, y) => mark(x, y, { freshness }, COLOURS.grey), label: `${label}: ${count}` });
  }
  return entries;
}

function drawHandoffNumber(timeline: Timeline, handoff: SeenHandoff, i: number, mainY: number): string {
  const panel = mainPanel(timeline, mainY);
  const x = panel.x + ((handoff.firstMs - panel.fromMs) / (panel.toMs - panel.fromMs)) * panel.width;
  const y = panel.y + panel.height - 18;
  return (
    element('circle', { cx: x, cy: y, r: 10, fill: COLOURS.ink }) +
    text(x, y + 4.5, String(i + 1), { 'text-anchor': 'middle', style: 'fill:white;font-size:12.5px;font-weight:600' })
  );
}

/** How much of the time around a handoff is shown: a little more than the handoff itself, and not too little. */
const ZOOM_SIDES = 1.2;
const MIN_ZOOM_SIDE_MS = 30;
const ZOOM_GAP = 104;

function drawZoom(
  timeline: Timeline,
  handoff: SeenHandoff,
  i: number,
  top: number,
  looks: ReadonlyMap<string, Look>,
  note: string | undefined,
): string {
  const gapMs = handoff.firstMs - handoff.lastMs;
  const sideMs = Math.max(MIN_ZOOM_SIDE_MS, gapMs * ZOOM_SIDES);
  const width = (WIDTH - LEFT - RIGHT - ZOOM_GAP) / ZOOMS_A_ROW;
  const x = LEFT + (i % ZOOMS_A_ROW) * (width + ZOOM_GAP);
  const y = top + ZOOM_HEAD + lanesHeight(timeline);
  const [fromMs, toMs] = [handoff.lastMs - sideMs, handoff.firstMs + sideMs];
  const [fromOctet, toOctet] = offsetRange(timeline, fromMs, toMs);
  const panel: Panel = {
    ...{ x, y, width, height: ZOOM_HEIGHT, fromMs, toMs, fromOctet, toOctet },
    xTitle: 'milliseconds from the last segment of the donor',
    yTitle: `KiB from ${(handoff.offset / MIB).toFixed(2)} MiB`,
    ...{ xUnit: 1, yUnit: 1024, xZero: handoff.lastMs, yZero: handoff.offset, pointSize: 4, labels: true },
  };
  const name = (source: string) => looks.get(source)?.name ?? source;
  return [
    element('circle', { cx: x + 10, cy: top + 18, r: 10, fill: COLOURS.ink }),
    text(x + 10, top + 22.5, String(i + 1), {
      'text-anchor': 'middle',
      style: 'fill:white;font-size:12.5px;font-weight:600',
    }),
    text(x + 28, top + 23, `Handoff from ${name(handoff.from)} to ${name(handoff.to)}`, { class: 'zoom' }),
    text(x + 28, top + 42, note ?? '', { class: 'note' }),
    drawPanel(timeline, panel, looks, `zoom${i}`),
    drawBracket(panel, handoff),
  ].join('\n');
}

/** The handoff time as a measure between the two segments. */
function drawBracket(panel: Panel, handoff: SeenHandoff): string {
  const at = (ms: number) => panel.x + ((ms - panel.fromMs) / (panel.toMs - panel.fromMs)) * panel.width;
  const [from, to] = [at(handoff.lastMs), at(handoff.firstMs)];
  const y = panel.y + panel.height - 24;
  const stroke = { stroke: COLOURS.ink, 'stroke-width': 1.4 };
  const label = `${(handoff.firstMs - handoff.lastMs).toFixed(2)} ms`;
  return [
    rectangle(from, panel.y, to - from, panel.height, { fill: COLOURS.ink, opacity: 0.05 }),
    line(from, y, to, y, stroke),
    line(from, y - 5, from, y + 5, stroke),
    line(to, y - 5, to, y + 5, stroke),
    text((from + to) / 2, y - 8, label, { class: 'time', 'text-anchor': 'middle' }),
  ].join('');
}

/** The offsets of what came in this time, and a margin. */
function offsetRange(timeline: Timeline, fromMs: number, toMs: number): [number, number] {
  let [least, most] = [Number.POSITIVE_INFINITY, 0];
  for (const { ms, offset, length } of timeline.points) {
    if (ms < fromMs || ms > toMs) continue;
    least = Math.min(least, offset);
    most = Math.max(most, offset + length);
  }
  const margin = Math.max(1024, (most - least) * 0.05);
  return [Math.max(0, least - margin), most + margin];
}
