const BASE_URL = 'https://api.example.com'

// In App.onLaunch.
export function login() {
  return new Promise((resolve, reject) => {
    const save = ({ data }) => resolve(wx.setStorageSync('token', data.token))
    const exchange = ({ code }) =>
      wx.request({ url: `${BASE_URL}/login`, method: 'POST', data: { code }, success: save, fail: reject })
    wx.login({ success: exchange, fail: reject })
  })
}

export function get(path) {
  return new Promise((resolve, reject) => {
    const header = { Authorization: `Bearer ${wx.getStorageSync('token')}` }
    const success = ({ statusCode, data }) =>
      statusCode === 401 ? resolve(login().then(() => get(path))) : resolve(data)
    wx.request({ url: BASE_URL + path, header, success, fail: reject })
  })
}
