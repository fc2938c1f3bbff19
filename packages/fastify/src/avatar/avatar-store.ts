import { ownerOf } from './names.ts'

/**
 * Where pictures are kept. `createFolderAvatarStore` and `createS3AvatarStore` are ours.
 *
 * Every method rejects with `ApiError('store_unavailable')` when the store does not answer, or is full. A name is never used
 * for a second picture.
 */
export interface AvatarStore {
  /** Keeps a JPEG. When it rejects, nothing can be found under the name. */
  put(name: string, jpeg: Buffer): Promise<void>
  /** Null when there is no such picture. */
  find(name: string): Promise<Buffer | null>
  /** A picture that is gone already is no error. */
  remove(name: string): Promise<void>
  /** Names that begin with `owner`. */
  list(owner: string): Promise<KeptAvatar[]>
}

/** A picture in the store. */
export interface KeptAvatar {
  name: string
  /** Milliseconds since 1970, by the clock of the store. */
  keptAtMs: number
}

/** The option `avatars`. Needs the packages `sharp` and `@fastify/busboy`. */
export interface AvatarsOptions {
  /** `createFolderAvatarStore`, `createS3AvatarStore` or one of your own. */
  store: AvatarStore
  /**
   * The https address of the pictures, without the slash before their names: that of this service with `/avatars`, or that of the
   * bucket or a CDN. Default: the address that the picture was sent to, which behind a proxy needs Fastify's `trustProxy`.
   */
  publicUrl?: string
}

/** Removes all pictures of a user. When it rejects, it can be called again. */
export async function removeAvatarsOf(userId: string, store: Pick<AvatarStore, 'list' | 'remove'>): Promise<void> {
  for (const { name } of await store.list(ownerOf(userId))) await store.remove(name)
}
