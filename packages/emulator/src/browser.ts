/**
 * The emulator inside a browser: a phone and the host of a mini-program, without anything of Node.
 *
 * The page around it brings what Node brings elsewhere: the app's files, its compiled templates, a {@link Realm} (an
 * iframe makes a good one) and the document to draw into.
 */
export { type Clock, createClock } from './clock.ts'
export { DEVICE_FAULT_POINTS, type Fault, type FaultPoint } from './faults.ts'
export type { AppFiles } from './host/app-files.ts'
export { readAppPackage } from './host/app-package.ts'
export type { DomDocument, DomElement } from './host/dom-backend.ts'
export { REALM_PRELUDE, type Realm } from './host/realm.ts'
export { runApp } from './host/run-app.ts'
export type { RunningApp } from './host/running-app.ts'
export { createLedger, type Ledger, type LedgerDetail, type LedgerEntry } from './ledger.ts'
export { createDevice, type Device } from './wx/device.ts'
export { httpTransport } from './wx/http-transport.ts'
export { remoteLink } from './wx/link.ts'
export type { Transport } from './wx/transport.ts'
