import { createAuth } from '@weapp-auth/client'

const BASE_URL = 'https://api.example.com'
const auth = createAuth({ baseUrl: BASE_URL })

// app.js
App({
  onLaunch() {
    auth.ensureLogin().catch((error) => console.warn(error.code))
  },
})

// pages/index/index.js
Page({
  data: { user: null },
  async onLoad() {
    const session = await auth.ready()
    if (session) this.setData({ user: session.user })
  },
})
