import { openOperator, type Operator } from '../../app/operator.js';
import type { Acting } from '../../audit/entry.js';
import { readConfig, type Config } from '../../config.js';
import { OpenLockError } from '../../protocol/problem.js';
import type { JsonOption } from './arguments.js';
import type { Io } from './io.js';
import { Printer } from './printer.js';

/** One run of one command: its terminal, its configuration, and the store when it needs it. */
export class Run {
  readonly io: Io;
  readonly print: Printer;

  constructor(io: Io, options: JsonOption) {
    this.io = io;
    this.print = new Printer(io, options.json === true);
  }

  /** Who is at the command line, as the audit trail names them (protocol 10.1). */
  get acting(): Acting {
    return { actor: `cli:${this.io.user}` };
  }

  /** Reads the environment; what it warns about goes to standard error. Throws ConfigError. */
  config(defaults: Readonly<Record<string, string>> = {}): Config {
    const config = readConfig({ ...defaults, ...this.io.environment });
    for (const warning of config.warnings) this.print.note('warning: ', warning);
    return config;
  }

  /** Does store work as the machine's operator, with the relay up or down (protocol 11.2). */
  async operator<T>(work: (operator: Operator) => Promise<T>): Promise<T> {
    const operator = await openOperator(this.config(), this.acting, (text) => this.print.note(text));
    try {
      return await work(operator);
    } catch (error) {
      // Whoever sits here can look after the store, and must know which one.
      if (error instanceof OpenLockError && error.code === 'store_unavailable')
        throw new OpenLockError(error.code, `${error.message} (${operator.storeAddress})`, error.extras);
      throw error;
    } finally {
      await operator.close();
    }
  }
}
