/** The files of the mini-program on the phone, by path. They are gone with the device. */
export interface DeviceFiles {
  /** Makes a temporary file, e.g. what `chooseAvatar` would give; answers its path. */
  create(content: string | Uint8Array, extension?: string): string
  /** Puts a file at `path`, and answers that. */
  write(path: string, content: string | Uint8Array): string
  read(path: string): Uint8Array | null
  remove(path: string): void
  paths(): string[]
}

export function createFiles(): DeviceFiles {
  const files = new Map<string, Uint8Array>()
  let made = 0

  function write(path: string, content: string | Uint8Array): string {
    files.set(path, typeof content === 'string' ? new TextEncoder().encode(content) : content)
    return path
  }

  return {
    create: (content, extension = '') => write(`wxfile://tmp_${++made}${extension}`, content),
    write,
    read: (path) => files.get(path) ?? null,
    remove: (path) => void files.delete(path),
    paths: () => [...files.keys()],
  }
}
