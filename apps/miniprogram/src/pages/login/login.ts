/**
 * The first sign-in on this phone, where it waits for a tap (`FIRST_SIGN_IN` in config.ts); and the one with a phone number, for
 * those who are signed out.
 */
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
