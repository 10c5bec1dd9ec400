import { spawnSync } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

import { expect } from 'chai';

import { Metrics } from '../../src/metrics.js';
import { startTestApi } from '../http/support/api.js';

const DEPLOY = fileURLToPath(new URL('../../deploy/', import.meta.url));
const RULES = readFileSync(`${DEPLOY}prometheus/openlock.rules.yml`, 'utf8');
const DASHBOARD = readFileSync(`${DEPLOY}grafana/openlock.json`, 'utf8');

function promtool(args: readonly string[], input?: string): string {
  const { status, stdout, stderr, error } = spawnSync('promtool', args, {
    cwd: `${DEPLOY}prometheus`,
    encoding: 'utf8',
    ...(input !== undefined && { input }),
  });
  if (error !== undefined) throw new Error('promtool is not here: npm test installs it (Debian package prometheus)');
  expect(status, `promtool ${args.join(' ')}\n${stdout}${stderr}`).to.equal(0);
  return stdout + stderr;
}

/** The text of a registry that nothing has happened to yet. */
async function freshText(): Promise<string> {
  const metrics = new Metrics();
  const api = await startTestApi({ metrics });
  await api.stop();
  return metrics.registry.metrics();
}

const metricsIn = (text: string): string[] => [
  ...new Set([...text.matchAll(/\b((?:openlock|nodejs|process)_[a-z0-9_]+)/g)].map(([, name]) => name ?? '')),
];

describe('metrics, alerts and dashboard', () => {
  let fresh: string;
  before(async () => {
    fresh = await freshText();
  });

  /** Series of a metric in the registry's text, as the labels between the braces. */
  const seriesOf = (name: string): string[] =>
    fresh.split('\n').flatMap((line) => new RegExp(`^${name}(?:\\{([^}]*)\\})? \\S+$`).exec(line)?.[1] ?? []);
  const exists = (name: string): boolean => new RegExp(`^${name}(\\{[^}]*\\})? \\S+$`, 'm').test(fresh);

  it('promtool finds nothing to say about our metrics', () => {
    // Its lint also reads the names of prom-client's own metrics, which are not ours to change.
    const ours = fresh
      .split('\n')
      .filter((line) => /^(# (HELP|TYPE) )?openlock_/.test(line))
      .join('\n');
    expect(promtool(['check', 'metrics'], `${ours}\n`)).to.equal('');
  });

  it('every alert is well formed, fires on its first fault, and has such a test', () => {
    promtool(['check', 'rules', 'openlock.rules.yml']);
    promtool(['check', 'config', 'scrape.yml']);
    promtool(['test', 'rules', 'openlock.rules.test.yml']);
    const tests = readFileSync(`${DEPLOY}prometheus/openlock.rules.test.yml`, 'utf8');
    for (const [, alert] of RULES.matchAll(/- alert: (\w+)/g))
      expect(tests).to.contain(`alertname: ${alert ?? ''}\n        exp_alerts:\n`);
  });

  it('every series an alert or the dashboard looks at is there before anything has happened', () => {
    for (const [file, text] of Object.entries({ RULES, DASHBOARD }))
      for (const name of metricsIn(text)) expect(exists(name), `${name}, in ${file}`).to.equal(true);
    // Label values that an alert names.
    for (const [, name, label, values] of RULES.matchAll(/(openlock_\w+)\{(\w+)=~?"([^"]+)"\}/g)) {
      for (const value of (values ?? '').split('|'))
        expect(seriesOf(name ?? '').join('\n'), `${name ?? ''} ${value}`).to.contain(`${label ?? ''}="${value}"`);
    }
  });

  it('the dashboard shows every metric of ours', () => {
    const shown = new Set(metricsIn(DASHBOARD).map((name) => name.replace(/_bucket$/, '')));
    const ours = [...fresh.matchAll(/^# TYPE (openlock_\w+)/gm)].map(([, name]) => name ?? '');
    expect(ours.filter((name) => !shown.has(name))).to.deep.equal([]);
  });

  it('docs/operations.md explains every metric and every alert, and no other', () => {
    const page = readFileSync(`${DEPLOY}../docs/operations.md`, 'utf8');
    // A row names a whole metric first and shortens those that begin alike: `openlock_door_a_total`, `_b_total`.
    const named = [...page.matchAll(/^\| (`openlock_[^|]+) \|/gm)].flatMap(([, cell = '']) =>
      [...cell.matchAll(/`(\w+)`/g)].map(([, name = '']) => (name.startsWith('_') ? `openlock_door${name}` : name)),
    );
    const ours = [...fresh.matchAll(/^# TYPE (openlock_\w+)/gm)].map(([, name]) => name ?? '');
    expect(named.sort()).to.deep.equal(ours.sort());
    const alerts = [...RULES.matchAll(/- alert: (\w+)/g)].map(([, name]) => name ?? '');
    const explained = new Set([...page.matchAll(/`(OpenLock[A-Z]\w+)`/g)].map(([, name]) => name ?? ''));
    expect([...explained].sort()).to.deep.equal(alerts.sort());
  });

  it('what runs is named', () => {
    const { version } = JSON.parse(readFileSync(`${DEPLOY}../package.json`, 'utf8')) as { version: string };
    expect(seriesOf('openlock_build_info')).to.deep.equal([`version="${version}",node_version="${process.version}"`]);
  });

  it('requests are counted by route, method and status, and whoever asks for nonsense makes no new series', async () => {
    const metrics = new Metrics();
    const api = await startTestApi({ metrics });
    await fetch(`http://127.0.0.1:${api.port}/healthz`);
    await fetch(`http://127.0.0.1:${api.port}/v1/doors/some-door`);
    const series = async (): Promise<number> => (await metrics.registry.metrics()).match(/^openlock_/gm)?.length ?? 0;
    await fetch(`http://127.0.0.1:${api.port}/nonsense`, { method: 'PROPFIND' });
    const before = await series();
    for (let turn = 1; turn < 20; turn += 1)
      await fetch(`http://127.0.0.1:${api.port}/nonsense-${turn}`, { method: 'PROPFIND' });
    await api.stop();
    const text = await metrics.registry.metrics();
    expect(text).to.contain('openlock_http_requests_total{route="health",method="GET",status="200"} 1');
    expect(text).to.contain('openlock_http_requests_total{route="getDoor",method="GET",status="401"} 1');
    expect(text).to.contain('openlock_http_requests_total{route="notFound",method="other",status="404"} 20');
    expect(text).to.match(/openlock_http_request_duration_seconds_count\{route="health"\} 1/);
    expect(text).to.not.contain('nonsense');
    expect(await series()).to.equal(before);
  });

  it('every file of deploy/ is explained in its README', () => {
    const readme = readFileSync(`${DEPLOY}README.md`, 'utf8');
    const files = readdirSync(DEPLOY, { recursive: true, withFileTypes: true })
      .filter((entry) => entry.isFile())
      .map(({ name }) => name);
    for (const name of files.filter((file) => file !== 'README.md')) expect(readme).to.contain(name);
  });
});
