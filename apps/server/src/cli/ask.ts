import { RefusedError } from './answer.ts'
import { readConfig } from './config.ts'
import { openService } from './open-service.ts'
import type { Send } from './running-service.ts'
import { type Command, EXIT, WrongUseError } from './terminal.ts'

/** Options of every command about users, sessions and events. */
export interface OutputOptions {
  json?: boolean
}

/** Options of commands that list something. */
export interface PageOptions extends OutputOptions {
  limit?: string
  after?: string
}

/** Asks the service API, and closes it again. @throws WrongUseError for what a person typed wrongly */
export async function ask(command: Command, work: (send: Send) => Promise<number>): Promise<number> {
  const service = await openService(readConfig(command), command)
  try {
    return await work(service.send)
  } catch (error) {
    // A bad request for the API is a mistake in what a person typed.
    if (error instanceof RefusedError && error.code === 'request_invalid') throw new WrongUseError(error.message)
    throw error
  } finally {
    await service.close()
  }
}

/** How the next page is asked for; nothing where this page is the last one. */
export function more({ next }: Record<string, unknown>, { say }: Command): string {
  return typeof next === 'string' ? say(`more: --after ${next}\n`, `下一页：--after ${next}\n`) : ''
}

/** A time to the second, in UTC as in the log. */
export function toTime(iso: string): string {
  return iso.replace(/\.\d+/, '')
}

/** The whole answer as JSON, or as text. */
export function print({ stdout }: Command, { json }: OutputOptions, value: unknown, toText: () => string): number {
  stdout.write(json ? `${JSON.stringify(value)}\n` : toText())
  return EXIT.done
}

/** Says that something was done. */
export function done({ stdout }: Command, what: string): number {
  stdout.write(`${what}\n`)
  return EXIT.done
}

/** An id as one part of a path. */
export function encode(id: string | undefined): string {
  return encodeURIComponent(id ?? '')
}

/** `?a=1&b=2` of the fields that are set. */
export function toQuery(fields: Record<string, string | undefined>): string {
  const set = Object.entries(fields).filter((field): field is [string, string] => field[1] !== undefined)
  return `?${new URLSearchParams(set)}`
}
