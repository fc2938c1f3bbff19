const WECHAT = 'https://developers.weixin.qq.com/miniprogram/dev'
const CLIENT = 'packages/client/src'
const SERVICE = 'packages/fastify/src'

/** WeChat’s own pages. */
export const PAGES = {
  login: `${WECHAT}/api/open-api/login/wx.login.html`,
  checkSession: `${WECHAT}/api/open-api/login/wx.checkSession.html`,
  exchange: `${WECHAT}/server/API/user-login/api_code2session`,
  flow: `${WECHAT}/framework/open-ability/login.html`,
  storage: `${WECHAT}/api/storage/wx.setStorage.html`,
  request: `${WECHAT}/api/network/request/wx.request.html`,
  socket: `${WECHAT}/api/network/websocket/wx.connectSocket.html`,
  phoneNumber: `${WECHAT}/framework/open-ability/getPhoneNumber.html`,
  number: `${WECHAT}/server/API/user-info/phone-number/api_getphonenumber`,
  accessToken: `${WECHAT}/server/API/mp-access-token/api_getstableaccesstoken`,
  profile: `${WECHAT}/framework/open-ability/userProfile.html`,
  lifecycle: `${WECHAT}/framework/runtime/operating-mechanism.html`,
}

/** Where in this repository the thing is done. */
export const SOURCES = {
  login: { file: `${CLIENT}/login.ts`, find: 'export function createLogin' },
  ensure: { file: `${CLIENT}/session.ts`, find: 'async function ensure(' },
  check: { file: `${CLIENT}/session-key.ts`, find: 'export function createSessionKey' },
  invalidate: { file: `${CLIENT}/session.ts`, find: 'export function createSession' },
  pipeline: { file: `${CLIENT}/pipeline.ts`, find: 'export function createPipeline' },
  attempt: { file: `${CLIENT}/pipeline.ts`, find: 'async function attempt(' },
  question: { file: `${CLIENT}/session-check.ts`, find: 'export function createSessionCheck' },
  socket: { file: `${CLIENT}/socket.ts`, find: 'export function createConnectSocket' },
  guardedSocket: { file: `${SERVICE}/sockets/guarded-sockets.ts`, find: 'export function createGuardedSockets' },
  storage: { file: `${CLIENT}/storage.ts`, find: 'export function createSessionStorage' },
  signIn: { file: `${SERVICE}/http/routes/sessions.ts`, find: 'app.post(' },
  session: { file: `${SERVICE}/http/routes/session.ts`, find: 'app.get(' },
  gateway: { file: `${SERVICE}/wechat/gateway.ts`, find: 'export function createWechatGateway' },
  errcodes: { file: `${SERVICE}/wechat/errcodes.ts`, find: 'export' },
  guard: { file: `${SERVICE}/http/plugins/authenticate.ts`, find: 'export function getSession' },
  issue: { file: `${SERVICE}/sessions/sessions.ts`, find: 'async issue(' },
  get: { file: `${SERVICE}/sessions/sessions.ts`, find: 'get: async (token)' },
  spend: { file: `${SERVICE}/sessions/single-use.ts`, find: 'async spendCode(' },
  vault: { file: `${SERVICE}/users/session-key-vault.ts`, find: 'export function createSessionKeyVault' },
  users: { file: `${SERVICE}/users/users.ts`, find: 'export interface UserStore' },
  outage: { file: `${SERVICE}/store-failure.ts`, find: 'export' },
  logout: { file: `${CLIENT}/session.ts`, find: 'async function logout(' },
  revokeRoute: { file: `${SERVICE}/http/routes/session.ts`, find: 'app.delete(' },
  avatar: { file: `${CLIENT}/auth.ts`, find: 'async updateAvatar(' },
  updateProfile: { file: `${CLIENT}/auth.ts`, find: 'async updateProfile(' },
  bindPhone: { file: `${CLIENT}/auth.ts`, find: 'bindPhone: (code)' },
  eraseUser: { file: `${CLIENT}/auth.ts`, find: 'async eraseUser()' },
  redraw: { file: `${SERVICE}/avatar/picture.ts`, find: 'export function createRedraw' },
  profile: { file: `${SERVICE}/users/profile.ts`, find: 'export function parseProfileChanges' },
  phoneRoute: { file: `${SERVICE}/phone/routes.ts`, find: 'export const phoneRoutes' },
  phoneStore: { file: `${SERVICE}/phone/sql-phones.ts`, find: 'export function createSqlPhoneStore' },
  number: { file: `${SERVICE}/wechat/phone-number-call.ts`, find: 'export async function exchangePhoneCode' },
  accessToken: { file: `${SERVICE}/wechat/access-token.ts`, find: 'export function createAccessTokens' },
  erase: { file: `${SERVICE}/accounts.ts`, find: 'async erase(' },
  eraseStore: { file: `${SERVICE}/users/users.ts`, find: 'beginErasure(' },
}
