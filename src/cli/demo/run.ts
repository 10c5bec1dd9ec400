import { rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

import { MemoryTokenStorage, type EventStream, type TokenSet } from '../../client/index.js';
import { Stage } from './stage.js';
import { Steps } from './steps.js';
import { playDemo, type Cast } from './story.js';
import { printThingsToTry, TOKEN_FILE } from './things-to-try.js';
import { aborted } from '../support/io.js';
import { styled, type Printer } from '../support/printer.js';
import type { Run } from '../support/run.js';
import { startFailure } from '../support/start-failure.js';

/** The access token in the file is renewed by use; this often is often enough for one of 15 minutes. */
const KEEP_FRESH_MS = 60_000;

export interface DemoRunOptions {
  /** End after the last step. */
  readonly once: boolean;
  /** Ends the demo after the step it is at. */
  readonly stop: AbortSignal;
}

/** Plays the demo and, unless `once`, stays up until `stop`. Throws what made a step fail. */
export async function runDemo(run: Run, { once, stop }: DemoRunOptions): Promise<void> {
  const stage = new Stage(run, { once });
  const steps = new Steps(run.print, stop);
  const tokenFile = join(stage.config.dataDir, TOKEN_FILE);
  stage.onEnd(() => rmSync(tokenFile, { force: true }));
  try {
    run.print.line('A website opens a door through a relay that cannot read what it forwards.');
    run.print.line();
    const cast = await playDemo(stage, steps, new FileTokenStorage(tokenFile));
    run.print.value({
      ok: true,
      relay: cast.relay,
      steps: steps.done,
      receipt: { ...cast.result.receipt, pad: undefined },
    });
    run.print.line(styled('green', `All ${steps.done.length} steps worked.`));
    run.print.line();
    if (!once) await stayUp(run.print, stage, cast, stop);
  } catch (error) {
    throw startFailure(error);
  } finally {
    await stage.end();
  }
}

/** Prints what happens at the door until a signal. */
async function stayUp(
  print: Printer,
  stage: Stage,
  { relay, relayOrigin, client, door }: Cast,
  stop: AbortSignal,
): Promise<void> {
  printThingsToTry(print, stage, relay, relayOrigin);
  const events = client.events([door.doorId]);
  showEvents(print, events);
  const fresh = setInterval(() => void client.doors().catch(() => undefined), KEEP_FRESH_MS);
  await aborted(stop);
  clearInterval(fresh);
  events.close();
  print.note('Stopping.');
}

function showEvents(print: Printer, events: EventStream): void {
  const time = (at: number): string => new Date(at).toISOString().slice(11, 23);
  events.on('event', ({ kind, at, data }) =>
    print.line(styled('dim', time(at)), `  door event: ${kind}${data === undefined ? '' : ` ${JSON.stringify(data)}`}`),
  );
  events.on('presence', ({ online, at }) =>
    print.line(styled('dim', time(at)), `  door ${online ? 'online' : 'offline'}`),
  );
}

/** Keeps the tokens in memory and the access token in a file, for curl. */
class FileTokenStorage extends MemoryTokenStorage {
  readonly #path: string;

  constructor(path: string) {
    super();
    this.#path = path;
  }

  override save(tokens: TokenSet): void {
    super.save(tokens);
    writeFileSync(this.#path, tokens.accessToken, { mode: 0o600 });
  }
}
