import { Console } from 'node:console'
import type { Device } from '../wx/device.ts'
import { openAppFolder } from './app-folder.ts'
import { readAppPackage } from './app-package.ts'
import type { TemplateSource } from './component-space.ts'
import type { Query } from './paths.ts'
import { watchRejections } from './rejections.ts'
import { type AppConsole, runApp } from './run-app.ts'
import type { RunningApp } from './running-app.ts'
import { createScreen } from './screen.ts'
import { createVmRealm } from './vm-realm.ts'

/** Options of `launchApp`. */
export interface LaunchAppOptions {
  /** A WeChat DevTools project or a built mini-program. */
  folder: string
  /** The phone it runs on. */
  device: Device
  /** The page to open, with a query if need be: `pages/a/a?id=1`. Default: the app's entry page. */
  path?: string
  query?: Query
  /** Where the app's `console` leads. Default: stderr. */
  console?: AppConsole
}

/**
 * Runs a whole mini-program in this process, each in a JavaScript world of its own.
 *
 * Resolves when the first page is open; what `onLaunch` began may still be under way, see `RunningApp.settled`.
 *
 * @throws LaunchError when the folder holds no complete mini-program
 */
export async function launchApp(options: LaunchAppOptions): Promise<RunningApp> {
  const { folder, device, console = new Console(process.stderr), ...page } = options
  const { files, strict } = openAppFolder(folder)
  const app = readAppPackage(files)
  // On demand: the compiler's WebAssembly is nothing for somebody who only wants WeChat's HTTP side.
  const { compileTemplates } = await import('./templates.ts')
  const templates: TemplateSource = (paths, problems) => compileTemplates(app, paths, problems)
  const realm = createVmRealm(device.clock.now)
  const stopWatching = watchRejections((promise) => promise instanceof realm.Promise, device.reportRejection)

  return runApp({
    app,
    templates,
    realm,
    strict,
    document: createScreen(),
    device,
    console,
    ...page,
    onClose: stopWatching,
  })
}
