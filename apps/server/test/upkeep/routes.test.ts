import { expect, test } from 'vitest'
import { findRunningService } from '../../src/cli/running-service.ts'
import { parseConfig } from '../../src/config.ts'
import { startEmbedded } from '../cli/embedded.ts'

test.each([
  ['lines of an import that are no list', 'POST', '/upkeep/import', { lines: {}, utcOffset: '', dryRun: true }],
  [
    'a field of a line that is no text',
    'POST',
    '/upkeep/import',
    { lines: [{ nickname: [] }], utcOffset: '', dryRun: true },
  ],
  ['a line that is a text', 'POST', '/upkeep/import', { lines: ['x'], utcOffset: '', dryRun: true }],
  ['an import without a time zone', 'POST', '/upkeep/import', { lines: [], dryRun: true }],
  ['counts of an import that are none', 'POST', '/upkeep/imported', { made: -1, filled: 0, done: 0, refused: 0 }],
  ['a place of a rotation that is none', 'POST', '/upkeep/keys/rotate', { after: 7 }],
  ['a page of erased users that is none', 'GET', '/upkeep/erased?skip=a&limit=1', undefined],
] as const)(
  'a running service refuses %s, which a command of another version could send',
  async (_, method, path, body) => {
    const { env } = await startEmbedded()
    const send = await findRunningService(parseConfig(env))
    expect(await send?.(method, path, body)).toMatchObject({ status: 400, body: { code: 'request_invalid' } })
  },
)
