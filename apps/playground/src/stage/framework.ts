// Runs inside each phone's frame, so that the framework and the app are of one JavaScript world.
import * as adapter from 'glass-easel-miniprogram-adapter'

Object.assign(globalThis, { weixinFramework: adapter })
