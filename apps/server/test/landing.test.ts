import Fastify from 'fastify'
import { expect, onTestFinished, test } from 'vitest'
import { landing } from '../src/landing.ts'

test('the page repeats the Host header of the caller as text, and never as markup', async () => {
  const ask = await openPage()
  const host = `x"'><script>alert(1)</script>&amp;`
  const page = (await ask({ host })).body
  expect(page).not.toContain('<script')
  expect(page).not.toContain(host)
  expect(page).toContain('http://x&#34;&#39;&#62;&#60;script&#62;alert(1)&#60;/script&#62;&#38;amp;')
})

test('the page is in the first language that the browser asks for, and a cache may not give it to another browser', async () => {
  const ask = await openPage()
  for (const [asked, language, title] of [
    ['zh-CN,zh;q=0.9,en;q=0.8', 'zh', 'weapp-auth 正在运行'],
    ['en-GB,zh;q=0.5', 'en', 'weapp-auth is running'],
  ] as const) {
    const answer = await ask({ 'accept-language': asked })
    expect(answer.body).toContain(`<html lang="${language}">`)
    expect(answer.body).toContain(`<title>${title}</title>`)
    expect(answer.headers).toMatchObject({
      vary: 'accept-language',
      'content-type': 'text/html; charset=utf-8',
      'content-security-policy': "default-src 'none';style-src 'unsafe-inline';frame-ancestors 'none'",
    })
  }
})

/** The page, asked for with some headers. */
async function openPage() {
  const app = Fastify()
  onTestFinished(() => app.close())
  await app.register(landing, { appid: 'wx1' })
  return (headers: Record<string, string>) => app.inject({ url: '/emulator', headers })
}
