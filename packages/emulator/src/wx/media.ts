import { type Callbacks, callEitherStyle, WxFailure } from './api-call.ts'
import type { UserChoices } from './choices.ts'
import type { DeviceContext } from './context.ts'
import type { DeviceFiles } from './files.ts'
import { measure } from './pictures.ts'

type Options<Result extends object> = Callbacks<Result> & Record<string, unknown>

/** A picture as `chooseMedia` tells it. */
export interface ChosenFile {
  tempFilePath: string
  size: number
  fileType: 'image'
  width: number
  height: number
}

export interface MediaDeps {
  files: DeviceFiles
  choices: UserChoices
  /** @throws WxFailure when the user does not let the app do this */
  check: (api: string) => Promise<void>
}

/** Pictures: the user chooses `choices.picture`, or cancels with `choices.allow` off. Nothing is drawn. */
export function createMediaApi({ thread, record }: DeviceContext, { files, choices, check }: MediaDeps) {
  async function choose(api: string): Promise<ChosenFile> {
    await check(api)
    if (!choices.allow) throw new WxFailure('cancel')
    const tempFilePath = files.create(choices.picture, '.png')
    return { tempFilePath, size: choices.picture.length, fileType: 'image', ...measure(choices.picture) }
  }

  function read(path: unknown): Uint8Array {
    const bytes = files.read(String(path))
    if (!bytes) throw new WxFailure(`file doesn't exist: ${String(path)}`)
    return bytes
  }

  const unseen =
    (api: string, event: string) =>
    (options: Options<object> = {}) =>
      callEitherStyle(thread, api, options, () => {
        record(event, {})
        return {}
      })

  return {
    chooseMedia: (options: Options<{ type: string; tempFiles: ChosenFile[] }> = {}) =>
      callEitherStyle(thread, 'chooseMedia', options, async () => ({
        type: 'image',
        tempFiles: [await choose('chooseMedia')],
      })),
    chooseImage: (options: Options<{ tempFilePaths: string[]; tempFiles: { path: string; size: number }[] }> = {}) =>
      callEitherStyle(thread, 'chooseImage', options, async () => {
        const { tempFilePath, size } = await choose('chooseImage')
        return { tempFilePaths: [tempFilePath], tempFiles: [{ path: tempFilePath, size }] }
      }),
    /** Of a file of the phone's; for an address of the network, download it first. */
    getImageInfo: (options: Options<{ width: number; height: number; path: string; type: string }> = {}) =>
      callEitherStyle(thread, 'getImageInfo', options, () => {
        const bytes = read(options.src)
        return {
          ...measure(bytes),
          path: String(options.src),
          orientation: 'up',
          type: bytes[0] === 0xff ? 'jpeg' : 'png',
        }
      }),
    compressImage: (options: Options<{ tempFilePath: string }> = {}) =>
      callEitherStyle(thread, 'compressImage', options, () => ({
        tempFilePath: files.create(read(options.src), '.png'),
      })),
    saveImageToPhotosAlbum: (options: Options<object> = {}) =>
      callEitherStyle(thread, 'saveImageToPhotosAlbum', options, async () => {
        await check('saveImageToPhotosAlbum')
        read(options.filePath)
        record('ui.saveImage')
        return {}
      }),
    previewImage: unseen('previewImage', 'ui.preview'),
    previewMedia: unseen('previewMedia', 'ui.preview'),
  }
}
