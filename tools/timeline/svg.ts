// A little SVG: elements as text, escaped, and axes with round numbers. Nothing here knows what is drawn.

export type Attributes = Readonly<Record<string, string | number | undefined>>;

export function element(name: string, attributes: Attributes, ...content: readonly string[]): string {
  const list = Object.entries(attributes)
    .filter(([, value]) => value !== undefined)
    .map(([key, value]) => ` ${key}="${typeof value === 'number' ? short(value) : escapeXml(String(value))}"`)
    .join('');
  return content.length === 0 ? `<${name}${list}/>` : `<${name}${list}>${content.join('')}</${name}>`;
}

export const text = (x: number, y: number, content: string, attributes: Attributes = {}): string =>
  element('text', { x, y, ...attributes }, escapeXml(content));

export const line = (x1: number, y1: number, x2: number, y2: number, attributes: Attributes): string =>
  element('line', { x1, y1, x2, y2, ...attributes });

export const rectangle = (x: number, y: number, width: number, height: number, attributes: Attributes): string =>
  element('rect', { x, y, width, height, ...attributes });

/** Two decimals are a fiftieth of a pixel. */
export const short = (n: number): string => String(Math.round(n * 100) / 100);

export const escapeXml = (raw: string): string =>
  // biome-ignore lint/suspicious/noControlCharactersInRegex: XML 1.0 has no place for them
  raw.replace(/[\u0000-\u0008\u000b\u000c\u000e-\u001f]/g, '�').replace(/[<>&"]/g, (c) => ENTITIES[c] ?? c);

const ENTITIES: Readonly<Record<string, string>> = { '<': '&lt;', '>': '&gt;', '&': '&amp;', '"': '&quot;' };

/** Values from one range onto another, linearly. */
export interface Scale {
  (value: number): number;
  readonly from: number;
  readonly to: number;
}

export function scale(from: number, to: number, start: number, end: number): Scale {
  const span = to === from ? 1 : to - from;
  const map = (value: number): number => start + ((value - from) / span) * (end - start);
  return Object.assign(map, { from, to });
}

/** Round numbers (1, 2 or 5 times a power of ten apart) within a range, about `count` of them. */
export function ticks(from: number, to: number, count: number): number[] {
  if (!(to > from)) return [from];
  const raw = (to - from) / count;
  const power = 10 ** Math.floor(Math.log10(raw));
  const step = ([1, 2, 5, 10].find((factor) => factor * power >= raw) ?? 10) * power;
  const list: number[] = [];
  for (let i = Math.ceil(from / step); i * step <= to + step * 1e-9; i++) list.push(i * step);
  return list;
}

/** As few decimals as tell these ticks apart. */
export function tickLabels(values: readonly number[]): string[] {
  const step = Math.abs((values[1] ?? 1) - (values[0] ?? 0));
  const decimals = step >= 1 ? 0 : Math.min(6, Math.ceil(-Math.log10(step) - 1e-9));
  return values.map((value) => value.toFixed(decimals));
}
