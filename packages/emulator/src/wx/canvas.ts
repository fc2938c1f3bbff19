import { type Callbacks, callEitherStyle } from './api-call.ts'
import type { DeviceContext } from './context.ts'
import type { DeviceFiles } from './files.ts'
import { SMALL_PNG } from './pictures.ts'

/** What an app drew, in order: the name of each call and what was given to it. */
export interface Drawing {
  readonly calls: readonly { name: string; args: readonly unknown[] }[]
}

/** A canvas as the app knows it, of the older kind by its `canvas-id`, of the newer as a node. */
export interface Canvases {
  /** What was drawn on the canvas with this id, or canvas-id; an offscreen one is `offscreen`. */
  drawing(id: string): Drawing
  /** For a host: the canvas that a `<canvas>` element is. */
  node(id: string): object
}

/** The longest drawing that is kept: an animation draws for ever. */
const LONGEST_DRAWING = 10_000

/** A character is as wide as it is high, half of that where it is Latin: no font is at hand. */
const FONT_PX = 10

/** Canvases that write down what is drawn on them. There are no pixels: `getImageData` is empty. */
export function createCanvases({ thread, clock }: DeviceContext, files: DeviceFiles) {
  const drawings = new Map<string, { name: string; args: unknown[] }[]>()

  function callsOf(id: string) {
    const calls = drawings.get(id) ?? []
    drawings.set(id, calls)
    return calls
  }

  function draw(id: string, name: string, args: unknown[]): void {
    const calls = callsOf(id)
    calls.push({ name, args })
    if (calls.length > LONGEST_DRAWING) calls.shift()
  }

  const answers: Record<string, (...args: never[]) => unknown> = {
    measureText: (text: string) => ({
      width: [...String(text)].reduce((width, character) => width + (character > 'ÿ' ? FONT_PX : FONT_PX / 2), 0),
    }),
    createLinearGradient: () => ({ addColorStop() {} }),
    createCircularGradient: () => ({ addColorStop() {} }),
    createRadialGradient: () => ({ addColorStop() {} }),
    createPattern: () => ({}),
    getImageData: (_x: number, _y: number, width: number, height: number) => imageData(width, height),
    createImageData: (width: number, height: number) => imageData(width, height),
    isPointInPath: () => false,
  }

  function imageData(width: number, height: number) {
    return { width, height, data: new Uint8ClampedArray(width * height * 4) }
  }

  /** Every method is there; what is set is kept and counts as drawn. */
  function context(id: string, own: Record<string, unknown> = {}): object {
    return new Proxy(own, {
      get(target, key) {
        if (typeof key !== 'string' || key in target || key === 'then') return Reflect.get(target, key)
        return (...args: unknown[]) => {
          draw(id, key, args)
          return answers[key]?.(...(args as never[]))
        }
      },
      set(target, key, value) {
        draw(id, `${String(key)}=`, [value])
        return Reflect.set(target, key, value)
      },
    })
  }

  /** The older kind collects until `draw`, whose callback comes later. */
  function createCanvasContext(id: string): object {
    return context(String(id), {
      draw(reserve: unknown, done?: () => void) {
        draw(String(id), 'draw', [reserve === true])
        const callback = typeof reserve === 'function' ? (reserve as () => void) : done
        if (typeof callback === 'function') thread.post(callback)
      },
    })
  }

  function node(id: string, size = { width: 300, height: 150 }): object {
    const contexts = new Map<string, object>()
    const canvas = {
      ...size,
      getContext(type: string) {
        const known = contexts.get(type) ?? context(id, { canvas })
        contexts.set(type, known)
        return known
      },
      createImage: () => image(),
      createPath2D: () => context(`${id} path`),
      createImageData: (width: number, height: number) => imageData(width, height),
      requestAnimationFrame: (callback: (atMs: number) => void) =>
        clock.setTimeout(() => thread.post(() => callback(clock.now())), 16),
      cancelAnimationFrame: (frame: number) => clock.clearTimeout(frame),
      toDataURL: () => `data:image/png;base64,${btoa(String.fromCharCode(...SMALL_PNG))}`,
    }
    return canvas
  }

  /** Loads whatever its address is. */
  function image() {
    let src = ''
    const picture = {
      width: 8,
      height: 8,
      onload: undefined as (() => void) | undefined,
      get src() {
        return src
      },
      set src(value: string) {
        src = value
        thread.post(() => picture.onload?.())
      },
    }
    return picture
  }

  const api = {
    createCanvasContext,
    createOffscreenCanvas: (options: { width?: number; height?: number } | number = {}, height?: number) =>
      node('offscreen', {
        width: (typeof options === 'number' ? options : options.width) ?? 300,
        height: (typeof options === 'number' ? height : options.height) ?? 150,
      }),
    canvasToTempFilePath: (options: Callbacks<{ tempFilePath: string }> = {}) =>
      callEitherStyle(thread, 'canvasToTempFilePath', options, () => ({
        tempFilePath: files.create(SMALL_PNG, '.png'),
      })),
  }
  const canvases: Canvases = { drawing: (id) => ({ calls: callsOf(id) }), node: (id) => node(id) }
  return { api, canvases }
}
