import { effect } from '@preact/signals'
import { token } from './api.ts'
import { Dialog } from './ask.tsx'
import { route } from './route.ts'
import { language, say, setLanguage } from './text.ts'
import { TEXTS } from './texts.ts'
import { ConflictsView } from './views/conflicts.tsx'
import { EventsView } from './views/events.tsx'
import { FindView } from './views/find.tsx'
import { HealthView } from './views/health.tsx'
import { TokenView } from './views/token.tsx'
import { UserView } from './views/user.tsx'

effect(() => {
  document.documentElement.lang = language.value === 'zh' ? 'zh-CN' : 'en'
  document.title = say(TEXTS.title)
})

const VIEWS = ['find', 'events', 'conflicts', 'health'] as const

/** The whole page: its views by name, or the question for a token. */
export function Page() {
  return (
    <>
      <header>
        <h1>{say(TEXTS.title)}</h1>
        {token.value !== '' && (
          <nav>
            {VIEWS.map((view) => (
              <a
                key={view}
                href={`#/${view === 'find' ? '' : view}`}
                aria-current={isCurrent(view) ? 'page' : undefined}
              >
                {say(TEXTS[view])}
              </a>
            ))}
          </nav>
        )}
        <div class="grow" />
        <button type="button" class="plain" lang={language.value === 'zh' ? 'en' : 'zh-CN'} onClick={toggleLanguage}>
          {language.value === 'zh' ? 'English' : '中文'}
        </button>
        {token.value !== '' && (
          <button type="button" class="plain" onClick={() => (token.value = '')}>
            {say(TEXTS.leave)}
          </button>
        )}
      </header>
      <main tabIndex={-1}>{token.value === '' ? <TokenView /> : <CurrentView />}</main>
      <Dialog />
    </>
  )
}

function CurrentView() {
  const { view, id } = route.value
  switch (view) {
    case 'find':
      return <FindView />
    case 'user':
      return <UserView key={id} id={id} />
    case 'events':
      return <EventsView />
    case 'conflicts':
      return <ConflictsView />
    case 'health':
      return <HealthView />
  }
}

function isCurrent(view: (typeof VIEWS)[number]): boolean {
  return route.value.view === view || (view === 'find' && route.value.view === 'user')
}

function toggleLanguage(): void {
  setLanguage(language.value === 'zh' ? 'en' : 'zh')
}
