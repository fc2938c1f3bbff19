// `npm start`: the production service from this checkout. Where no real mini-program is configured WeChat is played by
// the emulator, and the example mini-program signs in against it once before the service goes on serving.
import { build } from './build.ts'

await build(['apps/server'])
if (!process.env.WECHAT_APPID && !process.env.WECHAT_SECRET && !process.env.WECHAT_APPS) {
  process.env.WECHAT_EMULATOR ||= 'on'
  process.env.LOG_LEVEL ||= 'warn'
  process.argv.push('--walkthrough')
}
// By its address, because there is nothing to compile against before the first build.
await import(new URL('../../apps/server/bundle/main.js', import.meta.url).href)
