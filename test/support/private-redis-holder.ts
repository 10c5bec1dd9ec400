/** A process of its own that acquires the private redis-server of a data dir, for tests that kill it. Arguments: data dir. */
import { PrivateRedis } from '../../src/store/private-redis.js';

const messages: string[] = [];
const log = { info: (_fields: object, message: string) => void messages.push(message), warn: (_fields: object, message: string) => void messages.push(message) };
const redis = await PrivateRedis.acquire(process.argv[2] ?? '', log);
process.send?.({ url: redis.url, messages });
process.once('message', () => {
  void redis.release().then(() => process.exit(0));
});
