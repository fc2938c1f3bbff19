import { auth } from '../../auth'
import { explain } from '../../explain'

Page({
  data: { message: '' },

  /** Signed out until the next tap on the login button: no request signs in again by itself. */
  async logout() {
    await auth.logout()
    wx.switchTab({ url: '/pages/index/index' })
  },

  async logoutEverywhere() {
    try {
      await auth.logout({ everywhere: true })
      wx.switchTab({ url: '/pages/index/index' })
    } catch (error) {
      this.setData({ message: explain(error) })
    }
  },

  openErase() {
    wx.navigateTo({ url: '/pages/erase/erase' })
  },
})
