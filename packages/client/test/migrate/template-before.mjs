const BASE_URL = 'https://api.example.com'

// app.js
App({
  globalData: {},
  onLaunch() {
    const success = ({ data }) => {
      Object.assign(this.globalData, data)
      // The page may have loaded before the answer came.
      if (this.loginReadyCallback) this.loginReadyCallback(data.user)
    }
    const exchange = ({ code }) => wx.request({ url: `${BASE_URL}/login`, method: 'POST', data: { code }, success })
    wx.login({ success: exchange })
  },
})

// pages/index/index.js
const app = getApp()
Page({
  data: { user: null },
  onLoad() {
    if (app.globalData.user) this.setData({ user: app.globalData.user })
    else app.loginReadyCallback = (user) => this.setData({ user })
  },
})
