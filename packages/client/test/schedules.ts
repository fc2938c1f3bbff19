// Random schedules for the invariants: of all that can happen, and of few steps each whose meetings are rare among all of them.
import fc from 'fast-check'

/** What happens next, on the phone, in the network or at the service. `nth` picks one of those that are there. */
export type Step =
  | { do: 'request'; auth: 'required' | 'optional' | 'none'; style: 'promise' | 'callbacks' }
  | { do: 'abort'; nth: number }
  | { do: 'ensureLogin'; force: boolean }
  | { do: 'phoneLogin'; timeoutMs: number | undefined }
  | { do: 'bindPhone' }
  | { do: 'eraseUser' }
  | { do: 'loginWith' }
  | { do: 'ensureSessionKey' }
  | { do: 'decrypt' }
  | { do: 'logout'; everywhere: boolean }
  | { do: 'suspend'; ms: number }
  | { do: 'jump'; ms: number }
  | { do: 'storage'; how: 'full' | 'silent' | 'fine' | 'cleared' }
  | { do: 'answer'; nth: number; with: 'truth' | 'refused' | 'code refused' | 'foreign' | 'trouble' | 'loss' }
  | { do: 'revoke'; reason: 'unknown' | 'replaced' | 'admin' }
  | { do: 'breakWx'; how: 'fails' | 'hangs' | 'key is dead' | 'request is deaf' }
  | { do: 'advance'; ms: number }

const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 8,
    arbitrary: fc.record({
      do: fc.constant('request'),
      auth: fc.constantFrom('required', 'required', 'required', 'optional', 'optional', 'none'),
      style: fc.constantFrom('promise', 'promise', 'callbacks'),
    }),
  },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('abort'), nth: fc.nat(20) }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('ensureLogin'), force: fc.boolean() }) },
  {
    weight: 1,
    arbitrary: fc.record({ do: fc.constant('phoneLogin'), timeoutMs: fc.constantFrom(undefined, undefined, 3_000) }),
  },
  { weight: 1, arbitrary: fc.constantFrom({ do: 'bindPhone' }, { do: 'eraseUser' }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('loginWith') }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('ensureSessionKey') }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('decrypt') }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('logout'), everywhere: fc.boolean() }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('suspend'), ms: fc.constantFrom(1_000, 20_000, 1_800_000) }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('jump'), ms: fc.constantFrom(-3_600_000, 3_600_000, 0) }) },
  {
    weight: 1,
    arbitrary: fc.record({ do: fc.constant('storage'), how: fc.constantFrom('full', 'silent', 'fine', 'cleared') }),
  },
  {
    weight: 12,
    arbitrary: fc.record({
      do: fc.constant('answer'),
      nth: fc.nat(5),
      with: fc.constantFrom(
        'truth',
        'truth',
        'truth',
        'refused',
        'code refused',
        'foreign',
        'foreign',
        'trouble',
        'loss',
      ),
    }),
  },
  {
    weight: 2,
    arbitrary: fc.record({ do: fc.constant('revoke'), reason: fc.constantFrom('unknown', 'replaced', 'admin') }),
  },
  {
    weight: 1,
    arbitrary: fc.record({
      do: fc.constant('breakWx'),
      how: fc.constantFrom('fails', 'hangs', 'key is dead', 'request is deaf'),
    }),
  },
  {
    weight: 4,
    arbitrary: fc.record({
      do: fc.constant('advance'),
      ms: fc.constantFrom(0, 1_000, 5_000, 10_000, 15_000, 7_200_000),
    }),
  },
) as fc.Arbitrary<Step>

/** Little but requests and refusals of one another's tokens: among all the steps such meetings are rare. */
const raceStep: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 5,
    arbitrary: fc.record({
      do: fc.constant('request'),
      auth: fc.constant('required'),
      style: fc.constant('promise'),
    }),
  },
  {
    weight: 12,
    arbitrary: fc.record({
      do: fc.constant('answer'),
      nth: fc.nat(5),
      with: fc.constantFrom('truth', 'truth', 'truth', 'refused', 'foreign'),
    }),
  },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('revoke'), reason: fc.constantFrom('unknown', 'replaced') }) },
  { weight: 1, arbitrary: fc.constant({ do: 'loginWith' }) },
  { weight: 1, arbitrary: fc.constant({ do: 'ensureLogin', force: true }) },
  { weight: 1, arbitrary: fc.constant({ do: 'breakWx', how: 'request is deaf' }) },
) as fc.Arbitrary<Step>

/** Sign-ins that take the place of one another, while the service takes its time. */
const patienceStep: fc.Arbitrary<Step> = fc.oneof(
  { weight: 2, arbitrary: fc.record({ do: fc.constant('ensureLogin'), force: fc.boolean() }) },
  { weight: 2, arbitrary: fc.constant({ do: 'phoneLogin' }) },
  { weight: 2, arbitrary: fc.constant({ do: 'loginWith' }) },
  { weight: 1, arbitrary: fc.constant({ do: 'ensureSessionKey' }) },
  { weight: 1, arbitrary: fc.constant({ do: 'breakWx', how: 'key is dead' }) },
  { weight: 1, arbitrary: fc.constant({ do: 'answer', nth: 0, with: 'truth' }) },
  { weight: 4, arbitrary: fc.record({ do: fc.constant('advance'), ms: fc.constantFrom(1_000, 5_000, 10_000) }) },
) as fc.Arbitrary<Step>

/** More calls at once than `wx` has places, so that what is asked for waits there, and is sent when something else ends. */
const crowdStep: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 12,
    arbitrary: fc.record({
      do: fc.constant('request'),
      auth: fc.constantFrom('required', 'optional', 'none'),
      style: fc.constant('promise'),
    }),
  },
  {
    weight: 4,
    arbitrary: fc.record({
      do: fc.constant('answer'),
      nth: fc.nat(5),
      with: fc.constantFrom('truth', 'truth', 'code refused', 'foreign', 'trouble', 'loss'),
    }),
  },
  {
    weight: 1,
    arbitrary: fc.record({ do: fc.constant('phoneLogin'), timeoutMs: fc.constantFrom(undefined, 3_000) }),
  },
  { weight: 1, arbitrary: fc.constantFrom({ do: 'bindPhone' }, { do: 'eraseUser' }, { do: 'loginWith' }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('logout'), everywhere: fc.boolean() }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('ensureLogin'), force: fc.boolean() }) },
  { weight: 1, arbitrary: fc.constant({ do: 'breakWx', how: 'fails' }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('abort'), nth: fc.nat(20) }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('advance'), ms: fc.constantFrom(1_000, 5_000) }) },
) as fc.Arbitrary<Step>

/** What happens in one run, in this order. */
export const schedule = fc.oneof(
  { weight: 4, arbitrary: fc.array(step, { minLength: 5, maxLength: 40 }) },
  { weight: 2, arbitrary: fc.array(raceStep, { minLength: 10, maxLength: 40 }) },
  { weight: 1, arbitrary: fc.array(patienceStep, { minLength: 5, maxLength: 20 }) },
  { weight: 1, arbitrary: fc.array(crowdStep, { minLength: 15, maxLength: 40 }) },
)
