import { type AppFiles, LaunchError } from './app-files.ts'

/** The content of a JSON file of the app. A value is used only when its type is the one that WeChat documents for its name. */
export type Json = Record<string, unknown>

/** @throws LaunchError when the file is no JSON, or no object */
export function parseJson(files: AppFiles, path: string): Json {
  try {
    const parsed: unknown = JSON.parse(files.read(path) ?? '')
    if (isObject(parsed)) return parsed
  } catch (cause) {
    throw new LaunchError('config_invalid', `${path} is not valid JSON: ${(cause as Error).message}`, { cause })
  }
  throw new LaunchError('config_invalid', `${path} must hold an object`)
}

export function isObject(value: unknown): value is Json {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

export function objectIn(json: Json, name: string): Json {
  const value = json[name]
  return isObject(value) ? value : {}
}

export function objectsIn(json: Json, name: string): Json[] {
  const value = json[name]
  return Array.isArray(value) ? value.filter(isObject) : []
}

export function stringIn(json: Json, name: string): string | undefined {
  const value = json[name]
  return typeof value === 'string' ? value : undefined
}

export function stringsIn(json: Json, name: string): string[] {
  const value = json[name]
  return Array.isArray(value) ? value.filter((item) => typeof item === 'string') : []
}
