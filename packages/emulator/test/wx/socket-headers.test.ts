import { expect, test } from 'vitest'
import { packSocketHeaders, unpackSocketHeaders } from '../../src/wx/socket-headers.ts'

/** What a service gets of these headers and subprotocols. */
function transport(header: Record<string, string>, protocols: string[] = []) {
  const packed = packSocketHeaders(header, protocols)
  // A browser takes tokens only (RFC 9110, section 5.6.2).
  for (const protocol of packed) expect(protocol).toMatch(/^[!#$%&'*+.^_`|~\w-]+$/)
  const received: Record<string, string> = { host: '127.0.0.1', 'sec-websocket-protocol': packed.join(', ') }
  unpackSocketHeaders(received)
  return received
}

test('the headers of a phone in a browser arrive, with the subprotocols of its app', () => {
  const header = { authorization: 'Bearer wxs1.abc.x', 'x-name': '一盏茶 \u{1f375}' }
  expect(transport(header)).toEqual({ host: '127.0.0.1', ...header, 'sec-websocket-protocol': 'weapp-emulator' })
  expect(transport(header, ['chat', 'v2'])['sec-websocket-protocol']).toBe('chat, v2, weapp-emulator')
})

test('what makes the connection cannot be set so', () => {
  const header = { host: 'evil.example', 'sec-websocket-key': 'x', upgrade: 'h2c', connection: 'close', origin: 'null' }
  expect(transport(header)).toEqual({ host: '127.0.0.1', 'sec-websocket-protocol': 'weapp-emulator' })
})

test.each([undefined, 'chat', 'chat, v2', 'weapp-emulator'])(
  'the subprotocols %s are nobody’s headers',
  (protocols) => {
    const received = { 'sec-websocket-protocol': protocols }
    unpackSocketHeaders(received)
    expect(received).toEqual({ 'sec-websocket-protocol': protocols })
  },
)

test.each(['', '%', 'bnVsbA', 'WzFd', 'eyJhIjoxfQ'])('packed headers that are none are none: %s', (packed) => {
  const received: Record<string, string> = { 'sec-websocket-protocol': `weapp-emulator, weapp-emulator.${packed}` }
  unpackSocketHeaders(received)
  expect(received).toEqual({ 'sec-websocket-protocol': 'weapp-emulator' })
})
