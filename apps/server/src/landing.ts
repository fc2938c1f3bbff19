import type { FastifyInstance } from 'fastify'

const PAGE_POLICY = {
  useDefaults: false,
  directives: { 'default-src': ["'none'"], 'style-src': ["'unsafe-inline'"], 'frame-ancestors': ["'none'"] },
}

/** The page at `/emulator` of the demonstration: what answers here, and how to try it without the playground. */
export async function landing(app: FastifyInstance, { appid }: { appid: string }): Promise<void> {
  app.get('/emulator', { helmet: { contentSecurityPolicy: PAGE_POLICY } }, (request, reply) => {
    const origin = `${request.protocol}://${request.host}`
    return reply.type('text/html; charset=utf-8').send(page(escapeHtml(origin), appid))
  })
}

function page(origin: string, appid: string): string {
  return `<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>weapp-auth is running</title>
<style>
  :root { color-scheme: light dark; --accent: #2f7d5b; --line: color-mix(in srgb, currentColor 14%, transparent) }
  body { max-width: 46rem; margin: 4rem auto; padding: 0 1.25rem; font: 1rem/1.6 system-ui, sans-serif }
  h1 { font-size: 1.6rem; letter-spacing: -0.01em } h2 { margin-top: 2.5rem; font-size: 1.05rem }
  h1::before { content: ''; display: inline-block; width: .6em; height: .6em; margin-right: .5em; border-radius: 50%; background: var(--accent) }
  pre { padding: 1rem 1.25rem; border: 1px solid var(--line); border-radius: .75rem; overflow-x: auto; font: .85rem/1.7 ui-monospace, monospace }
  code { font-family: ui-monospace, monospace; font-size: .9em } table { border-collapse: collapse; width: 100% }
  td { padding: .35rem 1rem .35rem 0; border-top: 1px solid var(--line); vertical-align: top } .warning { color: #b4402f }
</style>
<h1>weapp-auth is running</h1>
<p>Sign-in for WeChat mini-programs. WeChat itself is played by this process, for the mini-program <code>${appid}</code>.</p>
<p class="warning">Anybody who can reach this address can sign in as anybody: it is for trying out, not for the internet.</p>

<h2>Try it</h2>
<p>What <code>wx.login</code> would give the user alice, exchanged for a session, used on a guarded route:</p>
<pre>code=$(curl -s ${origin}/emulator/wx-login -H 'content-type: application/json' \\
  -d '{ "user": "alice" }' | sed 's/.*"code":"\\([^"]*\\)".*/\\1/')

token=$(curl -s ${origin}/v1/sessions -H 'content-type: application/json' \\
  -d "{ \\"appid\\": \\"${appid}\\", \\"code\\": \\"$code\\" }" | sed 's/.*"token":"\\([^"]*\\)".*/\\1/')

curl -i ${origin}/v1/me -H "authorization: Bearer $token"</pre>

<h2>What answers here</h2>
<table>
  <tr><td><code>POST /v1/sessions</code><td>a code of <code>wx.login</code> becomes a session
  <tr><td><code>GET</code>, <code>DELETE /v1/session</code><td>who is signed in; sign out
  <tr><td><code>DELETE /v1/sessions?scope=others</code><td>sign out everywhere else
  <tr><td><code>GET /v1/me</code>, <code>POST /v1/me/profile</code><td>the user; change the profile they fill in
  <tr><td><code>GET /products</code><td>a guarded business route, as your own would be
  <tr><td><a href="/livez"><code>GET /livez</code></a>, <a href="/readyz"><code>GET /readyz</code></a><td>is the process alive; can it sign people in
  <tr><td><a href="/emulator/ledger"><code>GET /emulator/ledger</code></a><td>everything WeChat and the phones did, without secrets
  <tr><td><code>POST /emulator/wx-login</code><td>a code for any user you name
  <tr><td><code>POST /emulator/clock</code>, <code>POST /emulator/faults</code><td>let time pass, make WeChat fail
</table>
</html>
`
}

/** The address comes from the caller's Host header. */
function escapeHtml(text: string): string {
  return text.replace(/[&<>"']/g, (character) => `&#${character.charCodeAt(0)};`)
}
