/** A built mini-program as the page gets it: `shop.json`, written by the build. */
export interface BuiltApp {
  /** Scripts and configurations by path. */
  files: Record<string, string>
  /** The result of `compileTemplates`: the source of one JavaScript expression. */
  templates: string
  /** Style sheets by page; `app` holds the app's own and those of its components. */
  styles: Record<string, string>
  tabs: { path: string; text: string; icon: string; selectedIcon: string }[]
  /** Title of the navigation bar by page. */
  titles: Record<string, string>
}

export async function fetchBuiltApp(): Promise<BuiltApp> {
  const response = await fetch('playground/shop.json')
  if (!response.ok) throw new Error(`shop.json: ${response.status}`)
  return (await response.json()) as BuiltApp
}
