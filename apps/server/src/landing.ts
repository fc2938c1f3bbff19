import type { FastifyInstance } from 'fastify'
import { chooseLanguage } from './language.ts'
import { securityHeaders } from './security-headers.ts'

const PAGE_HEADERS = securityHeaders({
  'default-src': ["'none'"],
  'style-src': ["'unsafe-inline'"],
  'frame-ancestors': ["'none'"],
})

const TEXTS = {
  en: {
    title: 'weapp-auth is running',
    what: 'Sign-in for WeChat mini-programs. WeChat is emulated by this process, for the mini-program',
    warning: 'Anybody who can reach this address can sign in as anybody: it is for trying out, not for the internet.',
    try: 'Try it',
    curl: 'A code as <code>wx.login</code> gives it to the user alice, exchanged for a session, used on a guarded route:',
    routes: 'What answers here',
    signIn: 'exchanges a code of <code>wx.login</code> for a session',
    session: 'who is signed in; sign out',
    others: 'sign out all other devices',
    me: 'the user; changes the profile',
    products: 'a guarded route, as your own business would have it',
    health: 'is the process alive; can people sign in',
    ledger: 'everything that WeChat and the phones did, without secrets',
    login: 'a code for any user you name',
    switches: 'let time pass; make WeChat fail',
  },
  zh: {
    title: 'weapp-auth 正在运行',
    what: '微信小程序登录服务。本进程正在模拟微信，小程序为',
    warning: '能访问这个地址的人，都能以任何身份登录：仅供试用，不要对外开放。',
    try: '试一试',
    curl: '像 <code>wx.login</code> 那样为用户 alice 取一个 code，换取会话，再访问一个需要登录的接口：',
    routes: '这里有哪些接口',
    signIn: '用 <code>wx.login</code> 的 code 换取会话',
    session: '当前登录的用户；退出登录',
    others: '退出其他所有设备',
    me: '用户；修改资料',
    products: '一个需要登录的业务接口，你自己的接口也是这样',
    health: '进程是否活着；现在能否登录',
    ledger: '微信和手机做过的一切，不含任何密钥',
    login: '为你指定的任何用户给出一个 code',
    switches: '让时间过去；让微信出故障',
  },
}

/**
 * The page at `/emulator` of the demonstration: what answers here, and how to try it without the playground. In the first
 * language that the browser asks for.
 */
export async function landing(app: FastifyInstance, { appid }: { appid: string }): Promise<void> {
  app.get('/emulator', (request, reply) => {
    const origin = `${request.protocol}://${request.host}`
    const language = chooseLanguage(undefined, request.headers['accept-language'])
    const html = page(escapeHtml(origin), appid, language, TEXTS[language])
    return reply.headers(PAGE_HEADERS).type('text/html; charset=utf-8').header('vary', 'accept-language').send(html)
  })
}

function page(origin: string, appid: string, language: string, texts: (typeof TEXTS)['en']): string {
  return `<!doctype html>
<html lang="${language}">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>${texts.title}</title>
<style>
  :root { color-scheme: light dark; --accent: #2f7d5b; --line: color-mix(in srgb, currentColor 14%, transparent) }
  body { max-width: 46rem; margin: 4rem auto; padding: 0 1.25rem; font: 1rem/1.6 system-ui, sans-serif }
  h1 { font-size: 1.6rem; letter-spacing: -0.01em } h2 { margin-top: 2.5rem; font-size: 1.05rem }
  h1::before { content: ''; display: inline-block; width: .6em; height: .6em; margin-right: .5em; border-radius: 50%; background: var(--accent) }
  pre { padding: 1rem 1.25rem; border: 1px solid var(--line); border-radius: .75rem; overflow-x: auto; font: .85rem/1.7 ui-monospace, monospace }
  code { font-family: ui-monospace, monospace; font-size: .9em } table { border-collapse: collapse; width: 100% }
  td { padding: .35rem 1rem .35rem 0; border-top: 1px solid var(--line); vertical-align: top } .warning { color: #b4402f }
</style>
<h1>${texts.title}</h1>
<p>${texts.what} <code>${appid}</code></p>
<p class="warning">${texts.warning}</p>

<h2>${texts.try}</h2>
<p>${texts.curl}</p>
<pre>code=$(curl -s ${origin}/emulator/wx-login -H 'content-type: application/json' \\
  -d '{ "user": "alice" }' | sed 's/.*"code":"\\([^"]*\\)".*/\\1/')

token=$(curl -s ${origin}/v1/sessions -H 'content-type: application/json' \\
  -d "{ \\"appid\\": \\"${appid}\\", \\"code\\": \\"$code\\" }" | sed 's/.*"token":"\\([^"]*\\)".*/\\1/')

curl -i ${origin}/v1/me -H "authorization: Bearer $token"</pre>

<h2>${texts.routes}</h2>
<table>
  <tr><td><code>POST /v1/sessions</code><td>${texts.signIn}
  <tr><td><code>GET</code>, <code>DELETE /v1/session</code><td>${texts.session}
  <tr><td><code>DELETE /v1/sessions?scope=others</code><td>${texts.others}
  <tr><td><code>GET /v1/me</code>, <code>POST /v1/me/profile</code><td>${texts.me}
  <tr><td><code>GET /products</code><td>${texts.products}
  <tr><td><a href="/livez"><code>GET /livez</code></a>, <a href="/readyz"><code>GET /readyz</code></a><td>${texts.health}
  <tr><td><a href="/emulator/ledger"><code>GET /emulator/ledger</code></a><td>${texts.ledger}
  <tr><td><code>POST /emulator/wx-login</code><td>${texts.login}
  <tr><td><code>POST /emulator/clock</code>, <code>POST /emulator/faults</code><td>${texts.switches}
</table>
</html>
`
}

/** The address comes from the caller's Host header. */
function escapeHtml(text: string): string {
  return text.replace(/[&<>"']/g, (character) => `&#${character.charCodeAt(0)};`)
}
