/** Lanes b and d: a whole relay, as `createApp` makes it. Compiled code where there is some, so that what is measured is what is shipped. */
import type * as AppModule from '../../../src/app/app.js';
import type * as ConfigModule from '../../../src/config.js';
import { serve } from '../processes/worker.js';
import type { Listening } from './support.js';

let stop: (() => Promise<void>) | undefined;

const methods = {
  async start({
    environment,
    compiled,
  }: {
    readonly environment: Readonly<Record<string, string>>;
    readonly compiled: boolean;
  }): Promise<Listening> {
    const root = new URL(compiled ? '../../../dist/' : '../../../src/', import.meta.url);
    const { createApp } = (await import(new URL('app/app.js', root).href)) as typeof AppModule;
    const { readConfig } = (await import(new URL('config.js', root).href)) as typeof ConfigModule;
    const app = createApp(readConfig(environment));
    stop = () => app.stop();
    const { port } = await app.start();
    return { port };
  },
};

process.on('SIGTERM', () => {
  void (stop ?? (() => Promise.resolve()))().finally(() => process.exit(0));
});

export type OpenLockRelay = typeof methods;

serve(methods);
