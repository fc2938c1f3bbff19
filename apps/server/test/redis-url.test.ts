import { describe, expect, test } from 'vitest'
import { parseConfig } from '../src/config.ts'
import { parseRedisUrl } from '../src/redis-url.ts'

describe('parseRedisUrl', () => {
  test.each([
    ['redis+sentinel://a/m', { kind: 'sentinel', nodes: [{ host: 'a', port: 26_379 }], name: 'm', db: 0 }],
    ['redis://h', { kind: 'standalone', node: { host: 'h', port: 6379 }, tls: false, db: 0 }],
    ['REDISS://h:1/', { kind: 'standalone', node: { host: 'h', port: 1 }, tls: true, db: 0 }],
    [
      'redis://us%40er:p%3A%2Fw@[::1]:80/15',
      { kind: 'standalone', node: { host: '::1', port: 80 }, tls: false, db: 15, username: 'us@er', password: 'p:/w' },
    ],
    [
      'redis://:a:b@10.0.0.1',
      { kind: 'standalone', node: { host: '10.0.0.1', port: 6379 }, tls: false, db: 0, password: 'a:b' },
    ],
    [
      'redis+sentinel://u:p@a,b:1/my%2Fmaster/3',
      {
        kind: 'sentinel',
        nodes: [
          { host: 'a', port: 26_379 },
          { host: 'b', port: 1 },
        ],
        name: 'my/master',
        db: 3,
        username: 'u',
        password: 'p',
      },
    ],
    [
      'redis+cluster://:p@a:7000,[::1]:7001',
      {
        kind: 'cluster',
        nodes: [
          { host: 'a', port: 7000 },
          { host: '::1', port: 7001 },
        ],
        db: 0,
        password: 'p',
      },
    ],
  ])('parseRedisUrl reads %s', (url, target) => {
    expect(parseRedisUrl(url)).toEqual(target)
  })

  test.each([
    'localhost:6379',
    'http://h',
    'redis://',
    'redis://:canary@',
    'redis://canary@h',
    'redis://:can%ary@h',
    'redis://:can@ary@h',
    'redis://:can/ary@h',
    'redis://:canary@a,b',
    'redis://:canary@h/db',
    'redis://:canary@h/0/1',
    'redis://:canary@h:0x',
    'redis://:canary@h:70000',
    'redis://:canary@h:',
    'redis://:canary@h\\0',
    'redis://can%ary:x@h',
    '1redis://:canary@h',
    ' redis://:canary@h',
    'redis://:canary@h?db=1',
    'redis+sentinel://:canary@h',
    'redis+sentinel://:canary@h/',
    'redis+sentinel://:canary@h/name/x',
    'redis+sentinel://:canary@h/name/1/2',
    'redis+cluster://:canary@a,,b',
    'redis+cluster://:canary@a/1',
    'redis+other://:canary@a',
  ])('parseRedisUrl refuses %s, and the refusal shows no password', (REDIS_URL) => {
    expect(parseRedisUrl(REDIS_URL)).toBeNull()
    const parse = () => parseConfig({ WECHAT_APPID: 'wx1', WECHAT_SECRET: 's', REDIS_URL })
    expect(parse).toThrow(/REDIS_URL must be an address like redis:\/\/.*redis\+sentinel:\/\/.*redis\+cluster:\/\//)
    expect(parse).not.toThrow('ary')
  })
})
