import { execFileSync } from 'node:child_process'
import { mkdtempSync, readdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, it, onTestFinished } from 'vitest'
import { newAvatarName, ownerOf } from '../../src/avatar/names.ts'
import { createFolderAvatarStore } from '../../src/index.ts'
import { avatarStoreContract } from './avatar-store.contract.ts'

function tempFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'avatars-'))
  onTestFinished(() => rmSync(folder, { recursive: true }))
  return folder
}

describe('a folder', () => {
  avatarStoreContract(async () => createFolderAvatarStore({ folder: join(tempFolder(), 'made', 'when needed') }))

  it('a folder that cannot be used is an outage for every question, and never the answer that there is no picture', async () => {
    const folder = join(tempFolder(), 'a-file')
    writeFileSync(folder, '')
    const store = createFolderAvatarStore({ folder })
    const name = newAvatarName('u')
    for (const asked of [store.put(name, Buffer.from('x')), store.find(name), store.list(ownerOf('u'))]) {
      await expect(asked).rejects.toMatchObject({
        code: 'store_unavailable',
        message: expect.stringContaining('the folder of avatars'),
        detail: undefined,
      })
    }
  })

  it('a folder does not list a picture that another process removes at the same moment', async () => {
    const folder = tempFolder()
    const store = createFolderAvatarStore({ folder })
    const [name, removed] = [newAvatarName('u'), newAvatarName('u')]
    await store.put(name, Buffer.from('x'))
    // A link to nothing is read as a name, and is no file any more when it is looked at.
    symlinkSync(join(folder, 'nothing'), join(folder, removed.slice(0, 3), removed))
    expect((await store.list(ownerOf('u'))).map((picture) => picture.name)).toEqual([name])
  })

  it('a folder does not list what a killed process has left half written', async () => {
    const folder = tempFolder()
    const store = createFolderAvatarStore({ folder })
    const name = newAvatarName('u')
    await store.put(name, Buffer.from('x'))
    writeFileSync(join(folder, name.slice(0, 3), `${newAvatarName('u')}.unfinished`), 'x')
    expect((await store.list(ownerOf('u'))).map((picture) => picture.name)).toEqual([name])
  })
})

/** A file system of 64 kB: only the superuser may make one. */
const canMount = process.platform === 'linux' && process.getuid?.() === 0

describe.skipIf(!canMount)('a full disk (needs root to make a small one)', () => {
  it('a full disk is an outage, leaves nothing of the picture behind, and is over when there is room again', async () => {
    const folder = tempFolder()
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=64k', 'tmpfs', folder])
    onTestFinished(() => void execFileSync('umount', ['-l', folder]))
    const store = createFolderAvatarStore({ folder })
    const [fits, full] = [newAvatarName('u'), newAvatarName('u')]
    await store.put(fits, Buffer.alloc(40_000))
    await expect(store.put(full, Buffer.alloc(40_000))).rejects.toMatchObject({
      code: 'store_unavailable',
      message: expect.stringContaining('ENOSPC'),
    })
    expect(await store.find(full)).toBeNull()
    expect(readdirSync(join(folder, full.slice(0, 3)))).toEqual([fits])
    await store.remove(fits)
    await store.put(full, Buffer.alloc(40_000))
    expect(await store.find(full)).toHaveLength(40_000)
  })
})
