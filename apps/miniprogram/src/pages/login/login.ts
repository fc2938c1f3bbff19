/** The first sign-in on this phone, where it waits for a tap: `FIRST_SIGN_IN` in config.ts. */
Page({
  data: { agreed: false },

  agree({ detail }: WechatMiniprogram.CheckboxGroupChange) {
    this.setData({ agreed: detail.value.length > 0 })
  },

  /** Pages that were refused before the tap load themselves anew when they are shown. */
  enter() {
    wx.reLaunch({ url: '/pages/index/index' })
  },

  decline() {
    wx.navigateBack()
  },
})
