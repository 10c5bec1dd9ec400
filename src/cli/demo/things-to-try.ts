import type { RelayUrls } from '../../app/app.js';
import { shellLines } from '../support/layout.js';
import { styled, type Printer } from '../support/printer.js';
import type { Stage } from './stage.js';
import { DEMO_DOOR, DEMO_PASSWORD } from './story.js';

const COLUMNS = 80;

/** File with the demo website's current access token, kept fresh while the demo runs. */
export const TOKEN_FILE = 'demo-access-token';

/** What is up, and commands that work as they stand. */
export function printThingsToTry(print: Printer, stage: Stage, relay: RelayUrls, origin: string): void {
  const dir = stage.shownDataDir;
  const curl = ['curl', `--cacert ${dir}/tls/ca.pem`];
  const token = `-H "Authorization: Bearer $(cat ${dir}/${TOKEN_FILE})"`;
  const openlock = [...(dir === 'data' ? [] : [`OPENLOCK_DATA_DIR=${dir}`]), 'npx --no -- openlock'];
  print.line(styled('bold', 'It stays up now; Ctrl-C ends it.'));
  print.line();
  print.line('  relay     ', styled('cyan', origin));
  if (relay.metricsUrl !== undefined) print.line('  metrics   ', styled('cyan', relay.metricsUrl));
  print.line('  API       ', styled('cyan', `${origin}/openapi.json`));
  print.line(`  data      ${dir}`);
  print.line();
  print.line(styled('bold', 'Try, in another terminal in this directory:'));
  print.line();
  for (const command of [
    [...curl, `${origin}/readyz`],
    [...curl, `${origin}/v1/doors`, token],
    [...curl, `${origin}/v1/doors/${DEMO_DOOR}/status`, token],
    [`echo '${DEMO_PASSWORD}' |`, ...openlock, `command unlock ${DEMO_DOOR}`],
    [...openlock, 'door list'],
    [...openlock, `audit --door ${DEMO_DOOR}`],
    [...openlock, `door show ${DEMO_DOOR}`],
    [...openlock, 'simulate --doors 50'],
  ]) {
    for (const line of shellLines(command, Math.min(COLUMNS, print.columns) - 4)) print.line('  ', line);
  }
  print.line();
}
