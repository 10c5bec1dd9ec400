import { expect } from 'chai';

import { describeRedisTarget, parseRedisUrl, RedisUrlError, unixSocketUrl } from '../../src/store/redis-url.js';

const NOBODY = { username: undefined, password: undefined };

describe('OPENLOCK_REDIS_URL', () => {
  it('reads one server, with and without TLS, credentials and database', () => {
    expect(parseRedisUrl('redis://cache')).to.deep.equal({
      kind: 'single',
      address: { host: 'cache', port: 6379 },
      credentials: NOBODY,
      tls: false,
      db: 0,
    });
    expect(parseRedisUrl('rediss://relay:p%40ss%3A@[2001:db8::1]:6380/3')).to.deep.equal({
      kind: 'single',
      address: { host: '2001:db8::1', port: 6380 },
      credentials: { username: 'relay', password: 'p@ss:' },
      tls: true,
      db: 3,
    });
    expect(parseRedisUrl('redis://:secret@cache/').credentials).to.deep.equal({
      username: undefined,
      password: 'secret',
    });
  });

  it('reads a Unix socket, and what unixSocketUrl writes', () => {
    expect(parseRedisUrl('unix:///run/redis.sock?db=2')).to.deep.equal({
      kind: 'unix',
      path: '/run/redis.sock',
      credentials: NOBODY,
      tls: false,
      db: 2,
    });
    const url = unixSocketUrl('/var/my data/ü?#/redis.sock', 'openlock', 'a/b@c:d%');
    expect(parseRedisUrl(url)).to.include({ path: '/var/my data/ü?#/redis.sock' });
    expect(parseRedisUrl(url).credentials).to.deep.equal({ username: 'openlock', password: 'a/b@c:d%' });
  });

  it('reads Sentinel with the name of the master and two sets of credentials', () => {
    expect(
      parseRedisUrl(
        'redis-sentinel://relay:pw@a,b:26380,[::1]:26381/my%20master/1?tls=true&sentinel-user=watch&sentinel-password=s%26t',
      ),
    ).to.deep.equal({
      kind: 'sentinel',
      addresses: [
        { host: 'a', port: 26379 },
        { host: 'b', port: 26380 },
        { host: '::1', port: 26381 },
      ],
      masterName: 'my master',
      credentials: { username: 'relay', password: 'pw' },
      sentinelCredentials: { username: 'watch', password: 's&t' },
      tls: true,
      db: 1,
    });
  });

  it('reads a Cluster from any of its nodes', () => {
    expect(parseRedisUrl('redis-cluster://a:7000,b:7001?tls=true')).to.deep.equal({
      kind: 'cluster',
      addresses: [
        { host: 'a', port: 7000 },
        { host: 'b', port: 7001 },
      ],
      credentials: NOBODY,
      tls: true,
      db: 0,
    });
  });

  const bad = [
    'cache:6379',
    'http://cache',
    'redis://',
    'redis://a,b',
    'redis://cache:0',
    'redis://cache:65536',
    'redis://cache:port',
    'redis://cache/first',
    'redis://user@cache',
    'redis://u:p/w@cache',
    'redis://u:%zz@cache',
    'redis://cache?tls=true',
    'redis://ca che',
    'unix://run/redis.sock',
    'unix:///',
    'unix:///run/redis.sock?database=1',
    'redis-sentinel://a:26379',
    'redis-sentinel://a/',
    'redis-sentinel:///mymaster',
    'redis-sentinel://a/mymaster/0/1',
    'redis-sentinel://a/mymaster?tls=yes',
    'redis-cluster://a,,b',
    'redis-cluster://a/1',
  ];
  for (const url of bad) {
    it(`refuses ${url}, naming the variable and not the value`, () => {
      expect(() => parseRedisUrl(url)).to.throw(RedisUrlError, /^OPENLOCK_REDIS_URL (?!.*(cache|p\/w|%zz))/);
    });
  }

  it('describes a target without its credentials', () => {
    const urls = [
      'redis://u:pw@cache/2',
      'rediss://:pw@[::1]',
      'unix://u:pw@/run/redis.sock',
      'redis-sentinel://u:pw@a/m?sentinel-password=pw',
      'redis-cluster://u:pw@a,b',
    ];
    expect(urls.map((url) => describeRedisTarget(parseRedisUrl(url)))).to.deep.equal([
      'redis://cache:6379/2',
      'rediss://[::1]:6379/0',
      'unix:///run/redis.sock',
      'redis-sentinel://a:26379/m/0',
      'redis-cluster://a:6379,b:6379',
    ]);
  });
});
