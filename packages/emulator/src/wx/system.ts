import { type Callbacks, callEitherStyle } from './api-call.ts'
import type { DeviceContext } from './context.ts'
import { latinOf } from './latin.ts'
import { BASE_LIBRARY } from './typed-names.ts'

const RELEASE_VERSION = '1.0.0'

/** The version in the Referer of a request: 0 stands for trial and develop versions. */
export function refererVersion({ envVersion }: Pick<DeviceContext, 'envVersion'>): string {
  return envVersion === 'release' ? RELEASE_VERSION : '0'
}

export function createSystemApi({ appid, envVersion, thread }: DeviceContext) {
  const deviceInfo = { brand: 'Emulator', model: 'Emulator Phone', system: 'Android 14', platform: 'android' }
  const appBaseInfo = {
    SDKVersion: BASE_LIBRARY,
    version: '8.0.58',
    language: 'zh_CN',
    enableDebug: false,
    fontSizeScaleFactor: 1,
    fontSizeSetting: 16,
    theme: 'light',
    host: { env: 'WeChat' },
  }
  const windowInfo = {
    pixelRatio: 3,
    screenWidth: 390,
    screenHeight: 844,
    windowWidth: 390,
    windowHeight: 756,
    statusBarHeight: 44,
    screenTop: 88,
    safeArea: { left: 0, top: 44, right: 390, bottom: 810, width: 390, height: 766 },
  }
  const systemInfo = () => ({ ...deviceInfo, ...appBaseInfo, ...windowInfo })

  return {
    env: { USER_DATA_PATH: 'wxfile://usr' },
    /** `version` is empty outside the release, as documented. */
    getAccountInfoSync: () => ({
      miniProgram: { appId: appid, envVersion, version: envVersion === 'release' ? RELEASE_VERSION : '' },
    }),
    getAppBaseInfo: () => ({ ...appBaseInfo }),
    getDeviceInfo: () => ({ ...deviceInfo }),
    getWindowInfo: () => ({ ...windowInfo }),
    getSystemInfoSync: systemInfo,
    getSystemInfo: (options: Callbacks<ReturnType<typeof systemInfo>> = {}) =>
      callEitherStyle(thread, 'getSystemInfo', options, systemInfo),
    getMenuButtonBoundingClientRect: () => ({ left: 296, top: 48, right: 383, bottom: 80, width: 87, height: 32 }),
    nextTick: (callback: () => void): void => thread.post(callback),
    arrayBufferToBase64: (buffer: ArrayBuffer): string => btoa(latinOf(new Uint8Array(buffer))),
    base64ToArrayBuffer: (base64: string): ArrayBuffer =>
      Uint8Array.from(atob(base64), (character) => character.charCodeAt(0)).buffer,
  }
}
