import { mkdirSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { copyAvatars } from '../../src/cli/backup/copy-avatars.ts'
import { makeFolder } from './folder.ts'

/** Two pictures, and a file that is none of the folders of pictures. */
function prepare(): { from: string; to: string } {
  const from = makeFolder()
  mkdirSync(join(from, '000'))
  for (const name of ['000/a.jpg', '000/b.jpg', 'README']) writeFileSync(join(from, name), name)
  return { from, to: join(makeFolder(), 'avatars') }
}

test('a picture that is removed while pictures are copied is left out', async () => {
  const { from, to } = prepare()
  expect(await copyAvatars(from, to, () => rmSync(join(from, '000'), { recursive: true, force: true }))).toBe(1)
  expect(readdirSync(join(to, '000'))).toHaveLength(1)
})

test('a copy of pictures fails when the folder that gets them is removed, and leaves no picture out in silence', async () => {
  const { from, to } = prepare()
  const copy = copyAvatars(from, to, () => rmSync(to, { recursive: true }))
  await expect(copy).rejects.toMatchObject({ code: 'ENOENT' })
})
