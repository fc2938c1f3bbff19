import { request } from 'node:http'
import { connect } from 'node:net'
import type { Config } from '../config.ts'
import { OPERATOR_HEADER } from '../service-api/callers.ts'
import { operatorSocketOf } from '../service-api/operator-socket.ts'
import { operatorName } from './operator.ts'

/** What a service API answers. */
export interface Answer {
  status: number
  /** Null: none. */
  body: unknown
}

/** Sends a request to a service API, in another process or in this one. `path` begins behind `/service/v1`. */
export type Send = (method: 'GET' | 'POST' | 'PUT' | 'DELETE', path: string, body?: object) => Promise<Answer>

/**
 * Finds the service that has the embedded stores of this configuration open, to ask it through its socket in DATA_DIR. Null: no service
 * runs, or both stores are servers, which this process can open itself.
 */
export async function findRunningService({ redisUrl, databaseUrl, dataDir }: Config): Promise<Send | null> {
  if (redisUrl && databaseUrl) return null
  const socketPath = operatorSocketOf(dataDir)
  if (!(await isListenedOn(socketPath))) return null
  return (method, path, body) =>
    new Promise((resolve, reject) => {
      const headers = {
        [OPERATOR_HEADER]: operatorName(),
        ...(body && { 'content-type': 'application/json' }),
      }
      const sent = request({ socketPath, method, path: `/service/v1${path}`, headers }, (response) => {
        const chunks: Buffer[] = []
        response.on('data', (chunk: Buffer) => chunks.push(chunk))
        response.on('error', reject)
        response.on('end', () => {
          const text = Buffer.concat(chunks).toString()
          resolve({ status: response.statusCode ?? 0, body: text === '' ? null : JSON.parse(text) })
        })
      })
      sent.on('error', reject)
      sent.end(body && JSON.stringify(body))
    })
}

/** Whether a service listens there. A killed service leaves its socket behind. */
function isListenedOn(path: string): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(path)
    socket.once('connect', () => resolve(true)).once('error', () => resolve(false))
    socket.once('connect', () => socket.destroy())
  })
}
