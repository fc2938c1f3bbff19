import { expect, test } from 'vitest'
import { explainStartError } from '../src/start-error.ts'

const failure = (fields: object, message = 'as Node says it') => Object.assign(new Error(message), fields)

test.each<[object, Record<string, string>, string]>([
  [{ code: 'EADDRINUSE', port: 3000 }, {}, 'port 3000 is in use: stop what listens there, or set PORT (0 picks'],
  [{ code: 'EADDRINUSE', port: 80 }, { PORT: '80', SERVICE_PORT: '81' }, 'port 80 is in use'],
  [
    { code: 'EADDRINUSE', port: 81 },
    { PORT: '80', SERVICE_PORT: '81' },
    'port 81 is in use: stop what listens there, or set SERVICE_PORT',
  ],
  [
    { code: 'EADDRNOTAVAIL', address: '10.9.9.9' },
    { HOST: '10.9.9.9' },
    'HOST 10.9.9.9 is not an address of this machine',
  ],
  [{ code: 'ENOTFOUND', hostname: 'no.such' }, { HOST: 'no.such' }, 'HOST no.such is not an address of this machine'],
  [{ code: 'ENOTFOUND', hostname: 'no.such' }, { HOST: 'a', SERVICE_HOST: 'no.such' }, 'SERVICE_HOST no.such is not'],
  [
    { code: 'EADDRNOTAVAIL', address: '10.9.9.9' },
    { HOST: '10.9.9.9', SERVICE_HOST: '10.0.0.1' },
    'HOST 10.9.9.9 is not',
  ],
  [{ code: 'EACCES', syscall: 'listen', port: 80 }, { PORT: '80' }, 'port 80 is reserved: set PORT to one above 1023'],
  [{ code: 'EACCES', syscall: 'mkdir' }, { DATA_DIR: '/srv/x' }, 'DATA_DIR /srv/x cannot be written (EACCES)'],
  [{ code: 'EROFS', syscall: 'open' }, {}, 'DATA_DIR ./data cannot be written (EROFS)'],
])('a start that fails with %j and %j says what to do', (fields, env, said) => {
  expect(explainStartError(failure(fields), env, 'en')).toMatch(startingWith(said))
  expect(explainStartError(failure(fields), env, 'zh')).toMatch(/\p{Script=Han}{2}/u)
})

test('a start that fails in a way that nobody foresaw says what the error says', () => {
  expect(explainStartError(failure({ code: 'EACCES', syscall: 'connect' }), {}, 'en')).toBe('as Node says it')
  expect(explainStartError(failure({ code: 'EPERM', syscall: 'listen' }), {}, 'en')).toBe('as Node says it')
  expect(explainStartError(failure({}), {}, 'zh')).toBe('as Node says it')
  expect(explainStartError('a text', {}, 'en')).toBe('a text')
  const locked = failure({}, 'cannot open the database users.sqlite')
  expect(explainStartError(locked, {}, 'en')).toBe(`${locked.message}: see DATA_DIR and its permissions`)
})

function startingWith(text: string): RegExp {
  return new RegExp(`^${text.replaceAll(/[.()]/g, '\\$&')}`)
}
