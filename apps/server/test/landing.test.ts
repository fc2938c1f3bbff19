import Fastify from 'fastify'
import { expect, onTestFinished, test } from 'vitest'
import { landing } from '../src/landing.ts'

test('the page repeats the Host header of the caller as text, and never as markup', async () => {
  const app = Fastify()
  onTestFinished(() => app.close())
  await app.register(landing, { appid: 'wx1' })
  const host = `x"'><script>alert(1)</script>&amp;`
  const page = (await app.inject({ url: '/emulator', headers: { host } })).body
  expect(page).not.toContain('<script')
  expect(page).not.toContain(host)
  expect(page).toContain('http://x&#34;&#39;&#62;&#60;script&#62;alert(1)&#60;/script&#62;&#38;amp;')
})
