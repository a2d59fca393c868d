// `homeport capture timeline`: a picture of a download from its capture.

import { readFileSync, writeFileSync } from 'node:fs';
import { type Command, InvalidArgumentError } from 'commander';
import type { Address } from '../../stack/wire/address.ts';
import { UserError } from '../errors.ts';
import { Output, type Terminal } from '../output.ts';
import { drawTimeline } from '../timeline/draw.ts';
import { readTimeline } from '../timeline/timeline.ts';
import { addressValue, nameValue, repeated } from '../values.ts';
import { addJson, type CommonFlags, checkFile, checkWritable } from './common.ts';

interface TimelineFlags extends CommonFlags {
  readonly output: string;
  readonly client?: Address;
  readonly title?: string;
  readonly name?: readonly NodeName[];
}

interface NodeName {
  readonly name: string;
  readonly careOf: Address;
}

export function addCapture(program: Command, terminal: Terminal): void {
  const capture = program.command('capture').description('Work with captures.');
  const timeline = capture
    .command('timeline')
    .description('Draw a download as an SVG: stream offset over time, by the node each segment came from.')
    .argument('<file>', 'a pcapng file of the client or of the whole lab')
    .requiredOption('-o, --output <file>', 'the SVG file')
    .option('--client <address>', 'whose download (default: that of the first SYN)', addressValue)
    .option('--title <text>', 'title of the picture')
    .option('--name <name=address>', 'name of the node with this care-of address; repeatable', repeated(nodeName));
  addJson(timeline).action(async (file: string, flags: TimelineFlags) => {
    checkFile(file);
    await checkWritable(flags.output);
    const client = flags.client === undefined ? {} : { client: flags.client };
    const result = readTimeline(readFileSync(file), client);
    if (!result.ok) throw new UserError(`${file}: ${result.reason}`);
    const names = new Map(flags.name?.map(({ name, careOf }) => [careOf.toString(), name]));
    writeFileSync(
      flags.output,
      drawTimeline(result.timeline, { names, ...(flags.title === undefined ? {} : { title: flags.title }) }),
    );
    const { sources, handoffs, octets, durationMs } = result.timeline;
    const figures = { file: flags.output, octets, durationMs, sources, handoffs };
    new Output(terminal, flags).event(
      'timeline',
      figures,
      `${flags.output}: ${handoffs.length} handoffs, ${octets} octets`,
    );
  });
}

function nodeName(text: string): NodeName {
  const [, name, careOf] = /^([^=]+)=(.+)$/.exec(text) ?? [];
  if (name === undefined || careOf === undefined) throw new InvalidArgumentError("'name=address' is needed.");
  return { name: nameValue(name), careOf: addressValue(careOf) };
}
