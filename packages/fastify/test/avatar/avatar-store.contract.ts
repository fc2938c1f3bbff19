import { randomUUID } from 'node:crypto'
import { describe, expect, it } from 'vitest'
import { newAvatarName, ownerOf } from '../../src/avatar/names.ts'
import type { AvatarStore } from '../../src/index.ts'

/** What every store of pictures must do. */
export function avatarStoreContract(open: () => Promise<AvatarStore>): void {
  describe('keeps pictures', () => {
    it('a kept picture is found, byte by byte, until it is removed', async () => {
      const store = await open()
      const name = newAvatarName(randomUUID())
      const jpeg = Buffer.from([...Array(256).keys()])
      expect(await store.find(name)).toBeNull()
      await store.put(name, jpeg)
      expect(await store.find(name)).toEqual(jpeg)
      await store.remove(name)
      expect(await store.find(name)).toBeNull()
      await store.remove(name)
    })

    it('the pictures of one user are listed, with the time of each', async () => {
      const store = await open()
      const [userId, otherId] = [randomUUID(), randomUUID()]
      const own = [newAvatarName(userId), newAvatarName(userId)]
      for (const name of [...own, newAvatarName(otherId)]) await store.put(name, Buffer.from('x'))
      const listed = await store.list(ownerOf(userId))
      expect(listed.map(({ name }) => name).sort()).toEqual(own.sort())
      for (const { keptAtMs } of listed) expect(Math.abs(keptAtMs - Date.now())).toBeLessThan(60_000)
      expect(await store.list(ownerOf(randomUUID()))).toEqual([])
    })
  })
}
