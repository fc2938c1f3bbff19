import { once } from 'node:events'
import { connect } from 'node:net'
import { describe, expect, onTestFinished, test, vi } from 'vitest'
import { startService } from './service.ts'

const HALF_A_REQUEST =
  'POST /v1/sessions HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ncontent-length: 9\r\n\r\n{'

describe('closing', () => {
  test.each([
    ['nothing on it yet', ''],
    ['half a header', 'POST /v1/sessions HTTP/1.1\r\nhost:'],
  ])('does not wait for a connection with %s', async (_, text) => {
    const { app, socket } = await hold(text)
    await app.close()
    await expect.poll(() => socket.closed).toBe(true)
  })

  test('waits for a request, and not for ever', async () => {
    const { app, socket } = await hold(HALF_A_REQUEST)
    vi.useFakeTimers({ toFake: ['setTimeout'] })
    onTestFinished(() => void vi.useRealTimers())
    const closed = app.close()
    await vi.advanceTimersByTimeAsync(6_900)
    expect(socket.closed).toBe(false)
    await vi.advanceTimersByTimeAsync(200)
    await closed
  })
})

test('an address that cannot be decoded is a problem too, and is not repeated', async () => {
  const { baseUrl } = await startService('embedded')
  const answer = await fetch(`${baseUrl}/v1/%E0%A4%A`)
  expect(answer.headers.get('content-type')).toMatch(/^application\/problem\+json/)
  const problem = await answer.text()
  expect(JSON.parse(problem)).toMatchObject({ status: 400, code: 'request_invalid' })
  expect(problem).not.toContain('%E0')
})

/** The service with a client that sends `text` and then nothing. */
async function hold(text: string) {
  const { app, baseUrl } = await startService('embedded')
  const { port, hostname } = new URL(baseUrl)
  const accepted = once(app.server, text.endsWith('{') ? 'request' : 'connection')
  const socket = connect(Number(port), hostname)
  socket.on('error', () => {})
  onTestFinished(() => void socket.destroy())
  socket.write(text)
  await accepted
  return { app, socket }
}
