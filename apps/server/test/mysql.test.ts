import { once } from 'node:events'
import { type AddressInfo, createServer } from 'node:net'
import { networkInterfaces } from 'node:os'
import { expect, onTestFinished, test } from 'vitest'
import { mysqlServer } from '../src/mysql.ts'

const addresses = Object.values(networkInterfaces()).flatMap((each) => each ?? [])

test.for([
  ['127.0.0.1', '127.0.0.1'],
  ['::1', '[::1]'],
])('a MySQL at %s is greeted', async ([address, host], { skip }) => {
  skip(!addresses.some((each) => each.address === address), 'this machine has no such address')
  const server = createServer((socket) => socket.end('hello'))
  onTestFinished(() => void server.close())
  await once(server.listen(0, address), 'listening')
  const { port } = server.address() as AddressInfo
  const said = await new Promise((resolve) => {
    onTestFinished(mysqlServer(`mysql://user@${host}:${port}/weapp`).greet((...answer) => resolve(answer)))
  })
  expect(String(said)).toBe('hello')
})
